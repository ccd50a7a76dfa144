// What scripts add to pages that work without them.

import { filter } from "./filter.js";
import { follow } from "./live.js";
import { localize } from "./moments.js";
import { offerPasskey } from "./passkey.js";
import { offerToReveal } from "./reveal.js";
import { keepUpToDate } from "./receipt.js";
import { compare, rate } from "./strength.js";

const GIVE_UP_MILLISECONDS = 15000;

localize(document);
document.querySelectorAll("[data-reveals]").forEach(offerToReveal);
document.querySelectorAll("#strength").forEach(rate);
document.querySelectorAll("#differs").forEach(compare);
document.querySelectorAll("#receipt[data-follow]").forEach(keepUpToDate);
document.querySelectorAll("[data-dialog]").forEach(openAsDialog);
document.querySelectorAll("[data-prints]").forEach(offerToPrint);
// Before `sendOnce`: what is not signed yet is not sent yet.
document.querySelectorAll("[data-passkey]").forEach(offerPasskey);
document.querySelectorAll("form").forEach(sendOnce);
document.querySelectorAll("[data-filters]").forEach((form) => filter(form, enliven));
if (document.body.dataset.sid) follow(document.body.dataset.sid);

// A page that comes back from the browser's memory may show what is over by now.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

function enliven(part) {
  localize(part);
  part.querySelectorAll("form").forEach(sendOnce);
}

function openAsDialog(link) {
  const dialog = document.getElementById(link.dataset.dialog);
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    dialog.showModal();
  });
  dialog.querySelector("[data-closes]").addEventListener("click", (event) => {
    event.preventDefault();
    dialog.close();
  });
}

function offerToPrint(button) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

function sendOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return void event.preventDefault();
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-disabled", "true");
    // If no answer comes, it can be tried again.
    setTimeout(() => {
      delete form.dataset.sent;
      event.submitter?.removeAttribute("aria-disabled");
    }, GIVE_UP_MILLISECONDS);
  });
}
