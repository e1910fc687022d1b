import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Json } from "../api/json.ts";
import { parseSettings } from "../settings.ts";
import { ANY_IDENTITY, type Identities, refusedSignIn, refusedToken } from "./identities.ts";

const identities: Identities = {
  tenants: ["t-1", "t-2"],
  clients: {
    driver: { tenant: "t-1", secret: "s" },
    old: { tenant: "t-1", secret: "s", expired: true },
  },
  subscriptions: { sub: "t-2" },
};
const NOW_MS = 1_795_478_400_000;
const nowS = NOW_MS / 1000;

describe("who can sign in", () => {
  const rows = [
    { tenant: "T-1", clientId: "Driver", secret: "s", is: undefined },
    { tenant: "t-1", clientId: "driver", secret: undefined, is: undefined },
    { tenant: "t-3", clientId: "driver", secret: "s", is: [400, "invalid_request", "AADSTS90002"] },
    { tenant: "t-2", clientId: "driver", secret: "s", is: [400, "unauthorized_client", "AADSTS700016"] },
    { tenant: "t-1", clientId: "other", secret: "s", is: [400, "unauthorized_client", "AADSTS700016"] },
    { tenant: "t-1", clientId: "driver", secret: "no", is: [401, "invalid_client", "AADSTS7000215"] },
    { tenant: "t-1", clientId: "old", secret: "s", is: [401, "invalid_client", "AADSTS7000222"] },
  ] as const;
  for (const { is, ...signIn } of rows)
    it(`answers ${is?.[2] ?? "a token"} to ${JSON.stringify(signIn)}`, () => {
      const refused = refusedSignIn(identities, signIn);
      const code = refused?.description.split(":")[0];
      assert.deepEqual(refused && [refused.status, refused.error, code], is);
      assert.equal(refusedSignIn(ANY_IDENTITY, signIn), undefined);
    });
});

describe("tokens for the resource manager", () => {
  const claims = { tid: "t-1", appid: "driver", exp: nowS + 1 };
  const rows: readonly (readonly [claims: Json | undefined, code: string | undefined])[] = [
    [claims, undefined],
    [undefined, "InvalidAuthenticationToken"],
    [{ appid: "driver" }, "InvalidAuthenticationToken"],
    [{ ...claims, exp: nowS }, "ExpiredAuthenticationToken"],
    [{ ...claims, tid: "t-3" }, "InvalidAuthenticationTokenTenant"],
    [{ ...claims, appid: "other" }, "InvalidAuthenticationToken"],
  ];
  for (const [given, code] of rows)
    it(`are ${code ?? "accepted"}: ${JSON.stringify(given)}`, () => {
      const refused = refusedToken(identities, given, NOW_MS);
      assert.deepEqual(refused && [refused.status, refused.code], code && [401, code]);
      assert.equal(refusedToken(ANY_IDENTITY, given, NOW_MS), undefined);
    });
});

describe("the setting of identities", () => {
  it("is read, and its mistakes are named", () => {
    assert.deepEqual(parseSettings({ identities: identities as unknown as Json }), {
      ok: true,
      value: { identities },
    });
    assert.deepEqual(parseSettings({ identities: {} }), { ok: true, value: { identities: ANY_IDENTITY } });
    for (const wrong of [
      [],
      { tenants: [1] },
      { clients: [] },
      { subscriptions: { sub: 1 } },
      { clients: { driver: { tenant: "t" } } },
      { clients: { driver: { tenant: "t", secret: "s", expired: "yes" } } },
    ]) {
      const parsed = parseSettings({ identities: wrong });
      assert.match(parsed.ok ? "" : parsed.reason, /'identities[^']*' is /, JSON.stringify(wrong));
    }
  });
});
