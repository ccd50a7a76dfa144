// How strong a new password is, asked of the server while one types. Nothing is stored.

const PAUSE_MILLISECONDS = 300;

export function rate(box) {
  const input = document.getElementById(box.dataset.for);
  const again = document.getElementById(box.dataset.again);
  const csrf = input.form.elements.csrf.value;
  const announced = box.querySelector("[role=status]");
  let asked = new AbortController();
  let pause;

  input.addEventListener("input", () => {
    clearTimeout(pause);
    asked.abort();
    compare();
    if (!input.value) box.hidden = true;
    else pause = setTimeout(ask, PAUSE_MILLISECONDS);
  });
  again.addEventListener("input", compare);

  async function ask() {
    asked = new AbortController();
    try {
      const answer = await fetch(box.dataset.check, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
        body: JSON.stringify({ password: input.value }),
        signal: asked.signal,
      });
      if (answer.ok) tell(await answer.json());
    } catch {
      // The server rates it anyway when the form is sent.
      box.hidden = true;
    }
  }

  function tell({ acceptable, score, reasons }) {
    const verdict = acceptable ? String(score) : "refused";
    box.hidden = false;
    box.dataset.score = score;
    box.dataset.acceptable = acceptable ? "yes" : "no";
    const said = [];
    const show = (element, visible) => {
      element.hidden = !visible;
      if (visible) said.push(element.textContent.trim());
    };
    box.querySelectorAll("[data-score]").forEach((word) => show(word, word.dataset.score === verdict));
    box.querySelectorAll("[data-reason]").forEach((reason) => show(reason, reasons.includes(reason.dataset.reason)));
    announced.textContent = said.join(". ").replaceAll("..", ".");
  }

  function compare() {
    const differs = again.value !== "" && !input.value.startsWith(again.value);
    box.querySelector(".differs").hidden = !differs;
    if (differs) box.hidden = false;
  }
}
