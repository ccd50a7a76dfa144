// Making passkeys and signing with them: what the browser says goes into a form like any other.

export function offerPasskey(form) {
  if (!window.PublicKeyCredential || !navigator.credentials) return;
  const answer = form.elements.passkey;
  const failed = form.querySelector("[data-failed]");
  let underWay = false;

  answer.value = "";
  form.hidden = false;
  document.querySelectorAll("[data-without-passkeys]").forEach((said) => { said.hidden = true; });

  form.addEventListener("submit", async (event) => {
    if (answer.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (underWay) return;
    underWay = true;
    failed.hidden = true;
    try {
      answer.value = JSON.stringify(await said(form));
      form.requestSubmit();
    } catch {
      // It was cancelled, took too long, or there is no such passkey: browsers do not say which.
      failed.hidden = false;
    } finally {
      underWay = false;
    }
  });
}

async function said(form) {
  const options = await optionsOf(form);
  const credential = form.dataset.passkey === "create"
    ? await navigator.credentials.create({ publicKey: toCreate(options) })
    : await navigator.credentials.get({ publicKey: toGet(options) });
  return credential.toJSON ? credential.toJSON() : toJSON(credential);
}

async function optionsOf(form) {
  if (form.dataset.options) return JSON.parse(form.dataset.options);
  const answer = await fetch(form.dataset.optionsFrom, {
    method: "POST",
    headers: { "X-CSRF-Token": form.elements.csrf.value },
  });
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}

// What browsers before 2024 cannot do by themselves.

function toCreate(options) {
  const parse = PublicKeyCredential.parseCreationOptionsFromJSON;
  if (parse) return parse.call(PublicKeyCredential, options);
  const user = { ...options.user, id: toBytes(options.user.id) };
  const excludeCredentials = (options.excludeCredentials ?? []).map(withBytes);
  return { ...options, challenge: toBytes(options.challenge), user, excludeCredentials };
}

function toGet(options) {
  const parse = PublicKeyCredential.parseRequestOptionsFromJSON;
  if (parse) return parse.call(PublicKeyCredential, options);
  const allowCredentials = (options.allowCredentials ?? []).map(withBytes);
  return { ...options, challenge: toBytes(options.challenge), allowCredentials };
}

function toJSON(credential) {
  const { response } = credential;
  const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const parts = names.filter((name) => response[name]).map((name) => [name, toText(response[name])]);
  return {
    id: credential.id,
    rawId: credential.id,
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: {},
    response: { ...Object.fromEntries(parts), transports: response.getTransports?.() },
  };
}

function withBytes(descriptor) {
  return { ...descriptor, id: toBytes(descriptor.id) };
}

function toBytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

function toText(bytes) {
  const plain = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
