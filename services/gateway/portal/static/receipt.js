// A receipt that is not complete yet fills itself in.

import { localize } from "./moments.js";

const PAUSE_MILLISECONDS = 500;

export function keepUpToDate(receipt) {
  setTimeout(async () => {
    const fresh = await read();
    if (fresh) {
      receipt.replaceWith(fresh);
      localize(fresh);
    }
    const shown = fresh ?? receipt;
    if (shown.hasAttribute("data-follow")) keepUpToDate(shown);
  }, PAUSE_MILLISECONDS);
}

async function read() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.querySelector("#receipt");
  } catch {
    return null;
  }
}
