// Creates and uses passkeys: a form with data-passkey asks the browser for a credential, then sends
// it. The server's options are JSON in an element of the page or at an address.
import { whenPresent } from "./binding.js";

const supported = Boolean(window.PublicKeyCredential?.parseCreationOptionsFromJSON);

async function readOptions({ passkeyData: id, passkeyAddress: address }) {
  if (id) return JSON.parse(document.getElementById(id).textContent);
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
  return answer.json();
}

// A passkey that opens the account alone is stored on the device, which checks who uses it.
function create({ creation_options: { publicKey } }, isAlone) {
  Object.assign(publicKey.authenticatorSelection, {
    residentKey: isAlone ? "required" : "discouraged",
    requireResidentKey: isAlone,
    ...(isAlone && { userVerification: "required" }),
  });
  return navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey),
  });
}

function get({ request_options: { publicKey } }) {
  return navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
  });
}

async function send(form) {
  const trouble = form.querySelector("[data-passkey-trouble]");
  trouble.hidden = true;
  try {
    const options = await readOptions(form.dataset);
    const credential = form.dataset.passkey === "create"
      ? await create(options, form.elements.passwordless.checked)
      : await get(options);
    form.elements.credential.value = JSON.stringify(credential.toJSON());
  } catch (error) {
    trouble.hidden = false; // Most often the person has closed the browser's dialog.
    if (error.name !== "NotAllowedError") console.error(error);
    return;
  }
  form.submit();
}

whenPresent("[data-passkey]", (form) => {
  if (!supported) {
    form.querySelector("[data-passkey-unknown]").hidden = false;
    form.querySelector("[type=submit]").disabled = true;
    return;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
});
