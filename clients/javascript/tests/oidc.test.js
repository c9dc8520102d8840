// Tokens of a real OpenID provider: found through its issuer, signed with RSA and with elliptic curves, out of date,
// made for others, and signed by keys that come and go.

import assert from "node:assert/strict";
import { createHmac, createPublicKey, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";

import Provider from "oidc-provider";

import { serve, until } from "./server.js";

const AUDIENCE = "everthread";
/** How long one request may take. */
const LIMIT_MS = 20_000;

/** A new key of the issuer. */
function key(kid, alg) {
  const kinds = {
    RS256: ["rsa", { modulusLength: 2048 }],
    ES256: ["ec", { namedCurve: "P-256" }],
  };
  const { privateKey } = generateKeyPairSync(...kinds[alg]);
  return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
}

/** A provider on a port of its own, whose keys can be changed as its operator would. */
async function issue() {
  let current;
  const http = createServer((request, response) => current(request, response));
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${http.address().port}`;

  const client = (name) => ({
    client_id: name,
    client_secret: `${name}-secret`,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  });
  const server = (alg, more = {}) => ({
    scope: "",
    audience: AUDIENCE,
    accessTokenFormat: "jwt",
    accessTokenTTL: 600,
    jwt: { sign: { alg } },
    ...more,
  });
  // What a token is for decides how it is made.
  const resources = {
    "urn:rsa": server("RS256"),
    "urn:curve": server("ES256"),
    "urn:short": server("RS256", { accessTokenTTL: 1 }),
    "urn:other": server("RS256", { audience: "another server" }),
    "urn:opaque": server("RS256", { accessTokenFormat: "opaque" }),
  };
  const keep = (keys) => {
    const provider = new Provider(url, {
      jwks: { keys },
      clients: [client("anna"), client("bob"), client("root")],
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_, resource) => resources[resource],
        },
      },
      extraTokenClaims: (_, token) => (token.clientId === "root" ? { role: ["staff", "admin"] } : {}),
    });
    current = provider.callback();
  };
  const token = async (name, resource) => {
    const answer = await fetch(`${url}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`${name}:${name}-secret`).toString("base64")}` },
      body: new URLSearchParams({ grant_type: "client_credentials", resource }),
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const body = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(body));
    return body.access_token;
  };
  const stop = () => {
    http.closeAllConnections();
    return new Promise((resolve) => http.close(resolve));
  };
  return { url, keep, token, stop };
}

let issuer, server, rsa, curve;

async function ask(token, path = "/api/users/me", options = {}) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(LIMIT_MS);
  const answer = await fetch(`${server.url}${path}`, { headers, signal, ...options });
  return { status: answer.status, body: await answer.json() };
}

async function refused(token, why) {
  const { status, body } = await ask(token);
  assert.deepEqual([status, body.code], [401, "unauthorized"], why);
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("tokens of a provider", () => {
  before(async () => {
    rsa = key("rsa-1", "RS256");
    curve = key("curve-1", "ES256");
    issuer = await issue();
    issuer.keep([rsa, curve]);
    server = await serve("scripted:echo", undefined, {
      EVERTHREAD_IDENTITY_ISSUER: issuer.url,
      EVERTHREAD_IDENTITY_AUDIENCE: AUDIENCE,
      EVERTHREAD_IDENTITY_LEEWAY_S: "0",
    });
  });
  after(async () => {
    await server?.stop();
    await issuer?.stop();
  });

  test("name their user, with either kind of signature", async () => {
    for (const resource of ["urn:rsa", "urn:curve"]) {
      const { status, body } = await ask(await issuer.token("anna", resource));
      assert.deepEqual([status, body.user_id], [200, "anna"], resource);
    }
  });

  test("open the conversations of their user and no others", async () => {
    const [anna, bob] = [await issuer.token("anna", "urn:rsa"), await issuer.token("bob", "urn:curve")];
    const make = { method: "POST", body: JSON.stringify({ thread_id: "diary" }) };
    assert.equal((await ask(anna, "/threads", make)).status, 200);
    assert.equal((await ask(anna, "/threads/diary")).status, 200);
    assert.equal((await ask(bob, "/threads/diary")).status, 404);
  });

  test("carry a role", async () => {
    assert.equal((await ask(await issuer.token("root", "urn:rsa"), "/api/keys")).status, 200);
    assert.equal((await ask(await issuer.token("anna", "urn:rsa"), "/api/keys")).status, 403);
  });

  test("are refused when they are out of date", async () => {
    const short = await issuer.token("anna", "urn:short");
    await until(async () => (await ask(short)).status === 401, "the token is out of date");
  });

  test("are refused when they are made for another server, or are no JWT", async () => {
    await refused(await issuer.token("anna", "urn:other"), "another server's");
    await refused(await issuer.token("anna", "urn:opaque"), "opaque");
  });

  test("are refused when they were changed or forged", async () => {
    const good = await issuer.token("anna", "urn:rsa");
    const [head, claims, signature] = good.split(".");
    const told = JSON.parse(Buffer.from(claims, "base64url"));
    await refused(`${head}.${part({ ...told, sub: "bob" })}.${signature}`, "changed");
    await refused(`${part({ alg: "none", typ: "at+jwt" })}.${claims}.`, "not signed");
    // The public key as though it were a shared secret.
    const secret = createPublicKey({ key: rsa, format: "jwk" }).export({ type: "spki", format: "pem" });
    const forged = `${part({ alg: "HS256", typ: "at+jwt", kid: rsa.kid })}.${claims}`;
    await refused(`${forged}.${createHmac("sha256", secret).update(forged).digest("base64url")}`, "forged");
    const stranger = await issue();
    stranger.keep([{ ...key("rsa-1", "RS256") }]);
    await refused(await stranger.token("anna", "urn:rsa"), "another issuer's");
    await stranger.stop();
  });

  test("go on to count when the issuer changes its keys, and those of the old keys do not", async () => {
    const before = await issuer.token("anna", "urn:rsa");
    assert.equal((await ask(before)).status, 200);
    issuer.keep([key("rsa-2", "RS256"), curve]);
    const next = await issuer.token("anna", "urn:rsa");
    // The set is fetched again for a key that is not in it, but not more often than each five seconds.
    await until(async () => (await ask(next)).status === 200, "the new key is known");
    await refused(before, "signed by a key that is gone");
    assert.equal((await ask(await issuer.token("anna", "urn:curve"))).status, 200);
  });
});
