// Telling an open page at once that its session was ended, and why, or that one's security
// information was changed elsewhere.

import { localize } from "./moments.js";

const STREAM = "/api/v1/me/events";
const AGAIN_MILLISECONDS = 3000;
const LEAVING_MILLISECONDS = 8000;
const SENT_MILLISECONDS = 1000;

let leaving = false;
document.querySelectorAll("form[data-leaves]").forEach((form) => form.addEventListener("submit", leave));

// Browsers open only a few connections to a site, so of all tabs one listens for the others.
export async function follow(sid) {
  const tabs = new BroadcastChannel("session-revoked");
  tabs.onmessage = ({ data }) => data.sid === sid && tell(data.cause);
  const changes = new BroadcastChannel(`credential-change-${sid}`);
  changes.onmessage = ({ data }) => showChange(sid, data);
  know(sid, Number(document.body.dataset.revision ?? 0));
  const listen = async () => {
    const said = await ending(sid, (change) => {
      changes.postMessage(change);
      showChange(sid, change);
    });
    tabs.postMessage(said);
    if (said.sid === sid) tell(said.cause);
  };
  if (navigator.locks) await navigator.locks.request(`listening-${sid}`, listen);
  else await listen();
}

function ending(sid, changed) {
  return new Promise((resolve) => {
    const connect = () => {
      const stream = new EventSource(STREAM);
      stream.addEventListener("session-revoked", (event) => {
        stream.close();
        resolve(JSON.parse(event.data));
      });
      stream.addEventListener("credential-change", (event) => changed(JSON.parse(event.data)));
      stream.addEventListener("error", async () => {
        if (stream.readyState !== EventSource.CLOSED) return;
        // The browser has given up, since the answer was no stream: either the session is
        // over, or a service is away for a moment.
        const cause = await refusal();
        if (cause !== null) resolve({ sid, cause });
        else setTimeout(connect, AGAIN_MILLISECONDS);
      });
    };
    connect();
  });
}

async function refusal() {
  try {
    const answer = await fetch("/api/v1/me");
    return answer.status === 401 ? ((await answer.json()).cause ?? "") : null;
  } catch {
    return null;
  }
}

// The newest change that this tab knows of, on whichever page it heard: events come twice and late.
function known(sid) {
  return Number(sessionStorage.getItem(`known-${sid}`) ?? 0);
}

function know(sid, revision) {
  if (revision > known(sid)) sessionStorage.setItem(`known-${sid}`, revision);
}

function showChange(sid, change) {
  const place = document.getElementById("changes");
  if (!place || change.revision <= known(sid)) return;
  // What was sent here may be that change, and its own page is about to say so.
  if (document.querySelector("form[data-sent]")) return void setTimeout(() => showChange(sid, change), SENT_MILLISECONDS);
  know(sid, change.revision);
  const notice = document.getElementById("changed").content.cloneNode(true).firstElementChild;
  notice.querySelector("time").dateTime = change.at;
  localize(notice);
  notice.querySelector("button").addEventListener("click", () => {
    notice.remove();
    document.getElementById("content").focus();
  });
  place.replaceChildren(notice);
}

// Whoever signs out here sees the next page in a moment and need not be told. If that page
// does not come, they are.
function leave() {
  leaving = true;
  setTimeout(() => { leaving = false; }, LEAVING_MILLISECONDS);
}

function tell(cause) {
  if (leaving) return void setTimeout(() => tell(cause), LEAVING_MILLISECONDS + 100);
  const template = document.getElementById("ended");
  if (!template) return;
  const notice = template.content.cloneNode(true).firstElementChild;
  notice.querySelectorAll("[data-cause]").forEach((why) => { why.hidden = why.dataset.cause !== cause; });
  const back = location.pathname + location.search;
  notice.querySelector("[data-again]").href = `/sign-in?next=${encodeURIComponent(back)}`;
  // There is nothing behind the notice to go back to.
  notice.addEventListener("close", () => notice.showModal());
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  document.querySelectorAll("main, [data-personal], .areas, #ended").forEach((part) => part.remove());
  document.title = notice.querySelector("h2").textContent;
  document.body.classList.add("over-now");
  document.body.append(notice);
  notice.showModal();
  notice.querySelector("a").focus();
}
