import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Clock } from "../../ports/clock.ts";
import { collectWhenQuiet } from "./collect-when-quiet.ts";

const MIB = 1024 * 1024;

/** How the process is found at a look. */
interface Look {
  readonly busyShare: number;
  /** With the garbage. */
  readonly usedMiB: number;
}

/** Of it all, 20 MiB are in use: what a collection leaves. */
const LEFT_MIB = 20;

/** Returns the looks after which the process collected its garbage. */
async function collectionsAt(looks: readonly Look[]): Promise<readonly number[]> {
  const ending = new AbortController();
  const collections: number[] = [];
  let look = -1;
  const clock: Clock = {
    nowMs: () => 0,
    elapsedMs: () => 0,
    sleep: (_ms, signal) => {
      look += 1;
      if (look < looks.length) return Promise.resolve();
      ending.abort(new Error("over"));
      return Promise.reject(signal.reason);
    },
  };
  const seen = (): Look => looks[look] ?? assert.fail("there are no more looks");
  await collectWhenQuiet(
    {
      busyShare: () => seen().busyShare,
      usedBytes: () => (collections.at(-1) === look ? LEFT_MIB : seen().usedMiB) * MIB,
      collect: () => {
        collections.push(look);
        return Promise.resolve();
      },
    },
    clock,
    ending.signal,
  );
  return collections;
}

const busy: Look = { busyShare: 0.5, usedMiB: 40 };
const quiet: Look = { busyShare: 0.01, usedMiB: 40 };
const collected: Look = { busyShare: 0.01, usedMiB: 21 };

describe("collectWhenQuiet", () => {
  it("collects once after the start and once after each burst", async () => {
    const burst = [busy, quiet, quiet, quiet];
    assert.deepEqual(await collectionsAt([...burst, collected, collected, ...burst, collected]), [3, 9]);
  });

  it("never stops a process that works, or has worked a moment ago", async () => {
    assert.deepEqual(await collectionsAt([busy, quiet, quiet, busy, quiet, quiet, busy]), []);
  });

  it("leaves garbage that is not worth a stop", async () => {
    const little: Look = { ...quiet, usedMiB: 27 };
    const looks = [quiet, quiet, quiet, collected, little, little, little, { ...quiet, usedMiB: 28 }];
    assert.deepEqual(await collectionsAt(looks), [2, 7]);
  });

  it("leaves a large heap to V8, until it is small again", async () => {
    const large: Look = { ...quiet, usedMiB: 100 };
    assert.deepEqual(await collectionsAt([large, large, large, large, quiet]), [4]);
  });

  it("ends with its signal", async () => {
    const ending = new AbortController();
    ending.abort(new Error("over"));
    const never = (): never => assert.fail("the process is ending");
    await collectWhenQuiet(
      { busyShare: never, usedBytes: never, collect: never },
      { nowMs: never, elapsedMs: never, sleep: never },
      ending.signal,
    );
  });
});
