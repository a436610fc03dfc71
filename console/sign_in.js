// Signing in: OpenID Connect, authorization code with PKCE. The token stays in memory: a page that is loaded anew has none.

const WAITING = "hookline-sign-in";

// Leave for the issuer's page. config: of config.json.
export async function begin(config) {
  const endpoints = await discover(config);
  const verifier = random();
  const state = random();
  const challenge = encoded(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
  sessionStorage.setItem(WAITING, JSON.stringify({ verifier, state, hash: location.hash }));
  const parameters = {
    response_type: "code",
    client_id: config.client_id,
    redirect_uri: redirectUri(),
    scope: ["openid", ...["read", "listen", "steer", "dial"].map((name) => config.scope_prefix + name)].join(" "),
    audience: config.audience,
    state,
    code_challenge: challenge,
    code_challenge_method: "S256",
  };
  location.assign(`${endpoints.authorization_endpoint}?${new URLSearchParams(parameters)}`);
}

// What the issuer has sent us back with: a token and its scopes; null when we do not come from there.
export async function complete(config) {
  const found = new URLSearchParams(location.search);
  const waiting = JSON.parse(sessionStorage.getItem(WAITING) || "null");
  sessionStorage.removeItem(WAITING);
  if (!found.has("code") && !found.has("error")) return null;
  history.replaceState(null, "", location.pathname + (waiting ? waiting.hash : ""));
  if (found.has("error")) throw new Error(`The issuer has refused: ${found.get("error")}.`);
  if (!waiting || waiting.state !== found.get("state")) throw new Error("This sign-in was not begun here. Sign in again.");
  const endpoints = await discover(config);
  const response = await fetch(endpoints.token_endpoint, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: config.client_id,
      redirect_uri: redirectUri(),
      code: found.get("code"),
      code_verifier: waiting.verifier,
    }),
    credentials: "omit",
  });
  if (!response.ok) throw new Error("The issuer gives no token for this sign-in. Sign in again.");
  const answer = await response.json();
  return { token: answer.access_token, scopes: scopesOf(answer) };
}

function scopesOf(answer) {
  if (answer.scope) return answer.scope.split(" ");
  try {
    const claims = JSON.parse(atob(answer.access_token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return String(claims.scope || "").split(" ");
  } catch {
    return []; // not a token that tells
  }
}

async function discover(config) {
  const response = await fetch(`${config.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, { credentials: "omit" });
  if (!response.ok) throw new Error("The issuer does not describe itself.");
  return response.json();
}

function redirectUri() {
  return location.origin + location.pathname;
}

function random() {
  return encoded(crypto.getRandomValues(new Uint8Array(32)));
}

function encoded(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
