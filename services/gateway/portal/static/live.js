// Telling an open page at once that its session was ended, and why.

const STREAM = "/api/v1/me/events";
const AGAIN_MILLISECONDS = 3000;
const LEAVING_MILLISECONDS = 8000;

let leaving = false;
document.querySelectorAll("form[data-leaves]").forEach((form) => form.addEventListener("submit", leave));

// Browsers open only a few connections to a site, so of all tabs one listens for the others.
export async function follow(sid) {
  const tabs = new BroadcastChannel("session-revoked");
  tabs.onmessage = ({ data }) => data.sid === sid && tell(data.cause);
  const listen = async () => {
    const said = await ending(sid);
    tabs.postMessage(said);
    if (said.sid === sid) tell(said.cause);
  };
  if (navigator.locks) await navigator.locks.request(`listening-${sid}`, listen);
  else await listen();
}

function ending(sid) {
  return new Promise((resolve) => {
    const connect = () => {
      const stream = new EventSource(STREAM);
      stream.addEventListener("session-revoked", (event) => {
        stream.close();
        resolve(JSON.parse(event.data));
      });
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
