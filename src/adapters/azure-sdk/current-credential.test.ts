import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AccessToken, GetTokenOptions } from "@azure/identity";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { createVirtualClock, type VirtualClock } from "../virtual/virtual-clock.ts";
import { createCurrentCredential, type UnusableSettings } from "./current-credential.ts";

const NOT_JSON: UnusableSettings = { field: "azure.json", problem: "is no JSON object" };

/** A credential whose settings are a secret, and an authority that accepts the listed ones. */
function bench(first: string | undefined): {
  present: Result<string, UnusableSettings>;
  readonly accepted: Set<string>;
  /** Secrets to which the authority answers nothing until their promise is resolved, whatever the signal. */
  readonly hanging: Map<string, PromiseWithResolvers<void>>;
  readonly clock: VirtualClock;
  readonly made: string[];
  readonly reports: string[];
  /** The secret that a token was got with, or the error's message. */
  readonly signIn: (options?: GetTokenOptions) => Promise<string>;
} {
  const accepted = new Set<string>();
  const hanging = new Map<string, PromiseWithResolvers<void>>();
  const clock = createVirtualClock();
  const made: string[] = [];
  const reports: string[] = [];
  const create = (secret: string): { getToken: () => Promise<AccessToken> } => {
    made.push(secret);
    return {
      getToken: async () => {
        await hanging.get(secret)?.promise;
        if (!accepted.has(secret)) throw new Error(`${secret} is refused`);
        return { token: secret, expiresOnTimestamp: 0 };
      },
    };
  };
  const credential = createCurrentCredential<string>({
    clock,
    name: "azure.json",
    ...(first === undefined ? {} : { first: { settings: first, credential: create(first) } }),
    read: async () => world.present,
    create: (secret) => {
      if (secret === "malformed") throw new Error("malformed is no secret");
      return secret === "" ? fail({ field: "secret", problem: "is missing" }) : ok(create(secret));
    },
    onUnusable: ({ field, problem }) => reports.push(`${field}: ${problem}`),
    onUsable: ({ field }) => reports.push(`${field} can be used`),
  });
  const signIn = async (options?: GetTokenOptions): Promise<string> => {
    try {
      return (await credential.getToken("any", options))?.token ?? "";
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
  };
  const world = {
    present: ok(first ?? "") as Result<string, UnusableSettings>,
    accepted,
    hanging,
    clock,
    made,
    reports,
    signIn,
  };
  return world;
}

describe("a credential whose settings change", () => {
  it("makes one credential of unchanged settings, so that tokens are kept", async () => {
    const world = bench("first");
    world.accepted.add("first");
    assert.deepEqual([await world.signIn(), await world.signIn()], ["first", "first"]);
    assert.deepEqual([world.made, world.reports], [["first"], []]);
  });

  it("signs in with the new settings", async () => {
    const world = bench("first");
    world.accepted.add("second");
    assert.equal(await world.signIn(), "first is refused");
    world.present = ok("second");
    assert.deepEqual([await world.signIn(), await world.signIn()], ["second", "second"]);
    assert.deepEqual([world.made, world.reports], [["first", "second"], []]);
  });

  it("says once that new settings have taken the place of those that worked", async () => {
    const world = bench("first");
    world.accepted.add("first").add("second");
    assert.equal(await world.signIn(), "first");
    world.present = ok("second");
    assert.deepEqual([await world.signIn(), await world.signIn()], ["second", "second"]);
    assert.deepEqual(world.reports, ["azure.json can be used"]);
  });

  it("keeps the last ones beside those that can't be used, and reports each once", async () => {
    const world = bench("first");
    world.accepted.add("first");
    for (const present of [fail(NOT_JSON), fail(NOT_JSON), ok(""), ok("malformed")]) {
      world.present = present;
      assert.equal(await world.signIn(), "first");
    }
    assert.deepEqual(world.reports, [
      "azure.json: is no JSON object",
      "secret: is missing",
      "azure.json: malformed is no secret",
    ]);
    world.present = ok("first");
    assert.equal(await world.signIn(), "first");
    assert.deepEqual(world.reports.slice(3), ["azure.json can be used"]);
  });

  it("keeps a credential that works until a new one has given a token", async () => {
    const world = bench("first");
    world.accepted.add("first");
    assert.equal(await world.signIn(), "first");
    world.present = ok("second");
    assert.deepEqual([await world.signIn(), await world.signIn()], ["first", "first"]);
    assert.deepEqual(world.reports, ["azure.json: second is refused"]);
    world.accepted.add("second");
    assert.deepEqual([await world.signIn(), await world.signIn()], ["second", "second"]);
    assert.deepEqual(world.reports.slice(1), ["azure.json can be used"]);
    world.accepted.delete("second");
    assert.equal(await world.signIn(), "second is refused", "the first one is gone");
    assert.deepEqual(world.made, ["first", "second"]);
  });

  it("fails with the new credential's error where the old one fails too", async () => {
    const world = bench("first");
    world.accepted.add("first");
    assert.equal(await world.signIn(), "first");
    world.accepted.clear();
    world.present = ok("second");
    assert.equal(await world.signIn(), "second is refused");
    assert.deepEqual(world.reports, [], "the error has it");
    world.accepted.add("first");
    assert.equal(await world.signIn(), "first", "an authority that had failed for a while");
  });

  it("adds why the present settings can't be used to the error of the kept ones", async () => {
    const world = bench("first");
    world.present = fail(NOT_JSON);
    assert.equal(await world.signIn(), "first is refused; azure.json: is no JSON object");
  });

  it("does not go back to the old credential once the caller has given up", async () => {
    const world = bench("first");
    world.accepted.add("first");
    assert.equal(await world.signIn(), "first");
    world.present = ok("second");
    assert.equal(await world.signIn({ abortSignal: AbortSignal.abort() }), "second is refused");
    assert.deepEqual(world.reports, []);
  });

  it("tries the old credential while there is time where the new one gets no answer", async () => {
    const world = bench("first");
    world.accepted.add("first").add("second");
    assert.equal(await world.signIn(), "first");
    const end = Promise.withResolvers<void>();
    world.hanging.set("second", end);
    world.present = ok("second");
    const signingIn = world.signIn();
    await world.clock.advance(15_000);
    assert.equal(await signingIn, "first");
    assert.deepEqual(world.reports, ["azure.json: no answer to the sign-in within 15 s"]);
    end.resolve();
    await world.clock.settle();
    assert.equal(await world.signIn(), "second", "its answer came after all");
    assert.deepEqual(world.reports.slice(1), ["azure.json can be used"]);
  });

  it("leaves the only credential all the time there is", async () => {
    const world = bench("first");
    world.accepted.add("first");
    const end = Promise.withResolvers<void>();
    world.hanging.set("first", end);
    const signingIn = world.signIn();
    await world.clock.advance(29_000);
    end.resolve();
    assert.equal(await signingIn, "first");
  });

  it("has no part in the later failure of a new credential without an answer", async () => {
    const world = bench("first");
    world.accepted.add("first");
    assert.equal(await world.signIn(), "first");
    const end = Promise.withResolvers<void>();
    world.hanging.set("second", end);
    world.present = ok("second");
    const signingIn = world.signIn();
    await world.clock.advance(15_000);
    assert.equal(await signingIn, "first");
    end.reject(new Error("aborted"));
    await world.clock.settle();
    assert.equal(await world.signIn(), "first");
  });

  it("leaves an error as it is that others may hold", async () => {
    const refused = Object.assign(new Error("refused"), { name: "AuthenticationError", statusCode: 400 });
    const credential = createCurrentCredential<string>({
      clock: createVirtualClock(),
      name: "azure.json",
      first: { settings: "first", credential: { getToken: () => Promise.reject(refused) } },
      read: async () => fail(NOT_JSON),
      create: () => fail(NOT_JSON),
    });
    for (const _ of [1, 2])
      await assert.rejects(credential.getToken("any"), {
        name: "AuthenticationError",
        statusCode: 400,
        message: "refused; azure.json: is no JSON object",
        cause: refused,
      });
    assert.equal(refused.message, "refused");
  });

  it("returns to settings that are put back, without signing in with those between", async () => {
    const world = bench("first");
    world.accepted.add("first");
    assert.equal(await world.signIn(), "first");
    world.present = ok("second");
    assert.equal(await world.signIn(), "first");
    world.present = ok("first");
    world.accepted.add("second");
    assert.equal(await world.signIn(), "first");
    assert.deepEqual(world.reports, ["azure.json: second is refused", "azure.json can be used"]);
  });

  it("fails with the problem of its settings while there is no credential", async () => {
    const world = bench(undefined);
    world.accepted.add("first");
    world.present = fail(NOT_JSON);
    assert.equal(await world.signIn(), "azure.json: is no JSON object");
    world.present = ok("first");
    assert.equal(await world.signIn(), "first");
    assert.deepEqual(world.reports, [], "nothing was kept");
  });

  it("keeps the newer of two that sign in at once", async () => {
    const [begun, finished] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const settings = ["old", "new", "new"];
    const made: string[] = [];
    const credential = createCurrentCredential<string>({
      clock: createVirtualClock(),
      name: "azure.json",
      read: async () => ok(settings.shift() ?? "none"),
      create: (secret) => {
        made.push(secret);
        return ok({
          getToken: async () => {
            if (secret === "old") {
              begun.resolve();
              await finished.promise;
            }
            return { token: secret, expiresOnTimestamp: 0 };
          },
        });
      },
    });
    const first = credential.getToken("any");
    await begun.promise;
    const second = await credential.getToken("any");
    finished.resolve();
    assert.deepEqual([(await first)?.token, second?.token], ["old", "new"]);
    assert.equal((await credential.getToken("any"))?.token, "new");
    assert.deepEqual(made, ["old", "new"]);
  });
});
