import assert from "node:assert/strict";
import { it } from "node:test";
import { waitUntil } from "./wait-until.ts";

it("says what it waited for, and what it saw last", async () => {
  let looks = 0;
  await assert.rejects(
    waitUntil("the disk to be attached", { timeoutMs: 0, everyMs: 1 }, (note) => {
      looks += 1;
      note({ state: "Attaching", looks });
      return Promise.resolve(undefined);
    }),
    (error: Error) => {
      assert.equal(
        error.message,
        `waited 0 ms in vain for the disk to be attached; last seen: {"state":"Attaching","looks":${looks}}`,
      );
      return true;
    },
  );
});
