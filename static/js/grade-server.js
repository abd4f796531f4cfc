// Sends JSON to the site and says what became of it: done, refused, login or later.

const PATIENCE_MS = 20_000;

// A name that no other browser makes. crypto.randomUUID exists with HTTPS only.
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export async function post(address, body, token) {
  try {
    const answer = await fetch(address, {
      method: "POST",
      redirect: "manual", // to the log-in page
      keepalive: true, // arrives also if the tab is closed
      headers: {
        Accept: "application/json",
        "Content-Type": "application/json",
        "X-CSRFToken": token,
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout?.(PATIENCE_MS),
    });
    return await outcome(answer);
  } catch {
    return { kind: "later", afterS: 0 }; // no connection, or it broke
  }
}

async function outcome(answer) {
  if (answer.type === "opaqueredirect") return { kind: "login" };
  const { status } = answer;
  const isJson = /\bjson\b/.test(answer.headers.get("Content-Type") ?? "");
  const data = isJson ? await answer.json() : null;
  if (status >= 500 || status === 429) {
    return { kind: "later", code: data?.code, afterS: Number(answer.headers.get("Retry-After")) || 0 };
  }
  if (answer.ok && data) return { kind: "done", data };
  if (data?.code) return { kind: "refused", ...data };
  if (status === 401 || status === 403) return { kind: "login" };
  // Without JSON it is no answer of this site: a proxy's page, or one of a release that starts.
  return data ? { kind: "refused", code: "unknown" } : { kind: "later", afterS: 0 };
}
