import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "../system/system-clock.ts";
import { callIn, createCallLane, hangs } from "./call-lane.ts";

const LIMIT_MS = 20;

function aHangingCall() {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { call: () => promise, end: () => resolve("ended") };
}

describe("createCallLane", () => {
  it("runs one call after the other, whatever they throw", async () => {
    const lane = createCallLane(systemClock);
    const order: string[] = [];
    const calls = ["a", "b", "c"].map((name) =>
      lane.run(async () => {
        order.push(`${name} begins`);
        await systemClock.sleep(1, new AbortController().signal);
        order.push(`${name} ends`);
        if (name === "a") throw new Error("no such file");
        return name;
      }),
    );
    await assert.rejects(calls[0] ?? assert.fail(), /no such file/u);
    assert.deepEqual(await calls[2], { kind: "done", value: "c" });
    assert.deepEqual(
      order,
      ["a", "b", "c"].flatMap((name) => [`${name} begins`, `${name} ends`]),
    );
  });

  it("frees its room after a call that throws at once", async () => {
    const lane = createCallLane(systemClock, { limitMs: LIMIT_MS });
    const throws = (): Promise<void> => {
      throw new Error("an argument of a wrong type");
    };
    await assert.rejects(lane.run(throws), /wrong type/u);
    assert.deepEqual(await lane.run(async () => "next"), { kind: "done", value: "next" });
  });

  it("begins no call while one hangs, nor later those that were late", async () => {
    const lane = createCallLane(systemClock, { limitMs: LIMIT_MS });
    const hanging = aHangingCall();
    let wasLate: (() => boolean) | undefined;
    const first = lane.run((isLate) => {
      wasLate = isLate;
      return hanging.call();
    });
    const begun: string[] = [];
    const begin = (name: string) => lane.run(async () => void begun.push(name));
    const second = begin("second");
    assert.deepEqual([await first, await second], [{ kind: "late" }, { kind: "late" }]);
    assert.deepEqual([await begin("third"), wasLate?.()], [{ kind: "late" }, true]);
    await assert.rejects(
      callIn(lane, "mkdir /x", async () => undefined),
      (error) => hangs(error) && error instanceof Error && "syscall" in error,
    );
    hanging.end();
    while ((await begin("fourth")).kind === "late") await systemClock.sleep(1, new AbortController().signal);
    assert.deepEqual(begun, ["fourth"]);
  });

  it("takes no disk for hanging that is slow with many calls", async () => {
    const lane = createCallLane(systemClock, { limitMs: 20 * LIMIT_MS });
    const never = new AbortController().signal;
    const calls = Array.from({ length: 40 }, () => lane.run(() => systemClock.sleep(LIMIT_MS, never)));
    assert.deepEqual(
      await Promise.all(calls),
      calls.map(() => ({ kind: "done", value: undefined })),
    );
  });

  it("waits for any time without a clock", async () => {
    const lane = createCallLane();
    const hanging = aHangingCall();
    const first = lane.run(hanging.call);
    await systemClock.sleep(2 * LIMIT_MS, new AbortController().signal);
    hanging.end();
    assert.deepEqual(await first, { kind: "done", value: "ended" });
  });
});
