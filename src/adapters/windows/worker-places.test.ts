import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { valueOf } from "../../core/testing/value-of.ts";
import { callKind, createWorkerPlaces } from "./worker-places.ts";

type Kind = ReturnType<typeof callKind>;

describe("callKind", () => {
  const rows = [
    ["Get-Disk", "query"],
    ["Repair-Volume", "longChange"],
    ["Set-Disk", "change"],
    ["Update-HostStorageCache", "query"],
  ] as const;
  for (const [cmdlet, kind] of rows)
    it(`is ${kind} for ${cmdlet}`, () => assert.equal(callKind(cmdlet), kind));
});

describe("createWorkerPlaces", () => {
  const rows: readonly { readonly taken: readonly Kind[]; readonly waits: readonly Kind[] }[] = [
    { taken: ["longChange"], waits: [] },
    { taken: ["longChange", "longChange"], waits: ["longChange"] },
    { taken: ["longChange", "longChange", "change"], waits: ["longChange", "change"] },
    { taken: ["change", "change", "change"], waits: ["longChange", "change"] },
    { taken: ["query", "query", "longChange"], waits: [] },
    { taken: ["query", "query", "query", "query"], waits: ["longChange", "change", "query"] },
  ];
  for (const { taken, waits } of rows)
    it(`lets ${waits.join(", ") || "none"} wait behind ${taken.join(", ")}`, async () => {
      const kinds: readonly Kind[] = ["longChange", "change", "query"];
      const waiting = await Promise.all(
        kinds.map(async (kind) => {
          const places = createWorkerPlaces();
          for (const each of taken) valueOf(await places.take(each));
          return (await isTaken(places.take(kind))) ? [] : [kind];
        }),
      );
      assert.deepEqual(waiting.flat(), waits);
    });

  it("starts the first call that has room, and keeps the order of its kind", async () => {
    const places = createWorkerPlaces();
    for (const kind of ["longChange", "longChange", "query", "query"] as const)
      valueOf(await places.take(kind));
    const repair = places.take("longChange");
    const [first, second] = [places.take("query"), places.take("query")];
    places.giveBack("query");
    assert.deepEqual(await Promise.all([repair, first, second].map(isTaken)), [false, true, false]);
    places.giveBack("longChange");
    assert.deepEqual(await Promise.all([repair, second].map(isTaken)), [true, false]);
  });

  it("refuses a call that a thousand wait before", async () => {
    const places = createWorkerPlaces();
    const taken = Array.from({ length: 1_004 }, () => places.take("query"));
    const refused = await places.take("query");
    assert.equal(!refused.ok && refused.failure.kind, "HostNotReady");
    assert.equal(taken.length, 1_004);
  });
});

/** A place that is free is taken at once. */
async function isTaken(taken: Promise<unknown>): Promise<boolean> {
  const turn = Promise.withResolvers<false>();
  setImmediate(() => turn.resolve(false));
  return Promise.race([taken.then(() => true), turn.promise]);
}
