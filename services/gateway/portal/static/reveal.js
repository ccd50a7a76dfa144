// Showing a password while it is typed.

export function offerToReveal(reveals) {
  const input = document.getElementById(reveals.dataset.reveals);
  const conceals = document.querySelector(`[data-conceals="${input.id}"]`);
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    reveals.hidden = visible;
    conceals.hidden = !visible;
  };
  show(false);
  reveals.addEventListener("click", () => { show(true); conceals.focus(); });
  conceals.addEventListener("click", () => { show(false); reveals.focus(); });
  // Browsers offer to keep only what is sent from a password field.
  input.form.addEventListener("submit", () => show(false));
}
