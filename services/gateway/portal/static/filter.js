// A list that is filtered as one types. Without this its form is sent as any other.

const PAUSE_MILLISECONDS = 300;

export function filter(form, enliven) {
  let asked = new AbortController();
  let pause;

  form.addEventListener("input", () => {
    clearTimeout(pause);
    asked.abort();
    pause = setTimeout(show, PAUSE_MILLISECONDS);
  });

  async function show() {
    asked = new AbortController();
    const said = [...new FormData(form)].filter(([, value]) => value);
    const query = new URLSearchParams(said);
    const address = query.size ? `${form.action}?${query}` : form.action;
    try {
      const answer = await fetch(address, { signal: asked.signal });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.getElementById(form.dataset.filters);
      if (!found) return;
      document.getElementById(form.dataset.filters).replaceWith(found);
      history.replaceState(null, "", address);
      enliven(found);
    } catch {
      // The button does the same.
    }
  }
}
