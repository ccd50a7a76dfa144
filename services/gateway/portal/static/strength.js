// How strong a new password is, asked of the server while one types. Nothing is stored.

const PAUSE_MILLISECONDS = 300;

export function rate(box) {
  const input = document.getElementById(box.dataset.for);
  const csrf = input.form.elements.csrf.value;
  const present = document.getElementById(box.dataset.present);
  const announced = box.querySelector("[role=status]");
  let asked = new AbortController();
  let pause;
  let report = null;

  present?.addEventListener("input", () => { if (report) tell(); });
  input.addEventListener("input", () => {
    clearTimeout(pause);
    asked.abort();
    report = null;
    if (!input.value) box.hidden = true;
    else pause = setTimeout(ask, PAUSE_MILLISECONDS);
  });

  async function ask() {
    asked = new AbortController();
    try {
      const answer = await fetch(box.dataset.check, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
        body: JSON.stringify({ password: input.value }),
        signal: asked.signal,
      });
      if (!answer.ok) return;
      report = await answer.json();
      tell();
    } catch {
      // The server rates it anyway when the form is sent.
      box.hidden = true;
    }
  }

  // The server is not asked about the present password: that would be a guess, and counted.
  function tell() {
    const isPresent = present && present.value.normalize() === input.value.normalize();
    const reasons = isPresent ? [...report.reasons, "same-as-current"] : report.reasons;
    const acceptable = report.acceptable && !isPresent;
    const { score } = report;
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
}

// As long as what was typed again may still become the same, nothing is said.
export function compare(word) {
  const first = document.getElementById(word.dataset.first);
  const second = document.getElementById(word.dataset.second);
  const look = () => { word.hidden = first.value.startsWith(second.value); };
  first.addEventListener("input", look);
  second.addEventListener("input", look);
}
