import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../adapters/virtual/virtual-clock.ts";
import { describeFailure } from "../core/failure/describe-failure.ts";
import { ok, type Result } from "../core/failure/result.ts";
import { kindOf, must } from "../core/testing/value-of.ts";
import type { InstanceMetadata, InstanceMetadataService } from "../ports/cloud/instance-metadata.ts";
import { pacedMetadata } from "./paced-metadata.ts";
import { aMachine } from "./testing/a-machine.ts";

const never = new AbortController().signal;
const ANSWERS_AFTER_MS = 5;

/** A service that answers after 5 ms, or not at all, and what was asked of it. */
class Service implements InstanceMetadataService {
  readonly clock = createVirtualClock();
  readonly askedMs: number[] = [];
  readonly signals: AbortSignal[] = [];
  readonly paced = pacedMetadata(this, this.clock);
  answers = true;

  async read(signal: AbortSignal): Promise<Result<InstanceMetadata>> {
    this.askedMs.push(this.clock.elapsedMs());
    this.signals.push(signal);
    const dataDisks = [{ lun: this.askedMs.length, diskUri: undefined }];
    try {
      await this.clock.sleep(this.answers ? ANSWERS_AFTER_MS : 60_000, signal);
      return ok(aMachine({ dataDisks }));
    } catch {
      return { ok: false, failure: { kind: "Cancelled" } };
    }
  }
}

/** By which question a call was answered. */
const questionOf = async (reading: Promise<Result<InstanceMetadata>>): Promise<number | undefined> =>
  (await must(reading)).dataDisks[0]?.lun;

describe("paced metadata", () => {
  it("answers all callers that came before a question by that", async () => {
    const { clock, paced, askedMs } = new Service();
    const reading = Array.from({ length: 20 }, () => questionOf(paced.read(never)));
    await clock.advance(100);
    assert.deepEqual([askedMs.length, await Promise.all(reading)], [2, [1, ...Array(19).fill(2)]]);
  });

  it("asks three times a second at most", async () => {
    const { clock, paced, askedMs } = new Service();
    const beganMs = clock.elapsedMs();
    const reading: Promise<unknown>[] = [];
    for (let call = 0; call < 100; call += 1) {
      reading.push(questionOf(paced.read(never)));
      await clock.advance(20);
    }
    await clock.advance(1_000);
    await Promise.all(reading);
    assert.deepEqual(
      askedMs.map((ms) => ms - beganMs),
      [0, 20, 40, 1_000, 1_020, 1_040, 2_000],
    );
  });

  it("gives a question a second, and its next callers another one", async () => {
    const service = new Service();
    service.answers = false;
    const silent = service.paced.read(never);
    const next = service.paced.read(never);
    await service.clock.advance(999);
    service.answers = true;
    assert.equal(service.askedMs.length, 1);
    await service.clock.advance(1 + ANSWERS_AFTER_MS);
    const answer = await silent;
    assert.match(answer.ok ? "ok" : describeFailure(answer.failure), /no answer within 1000 ms/u);
    assert.equal(await questionOf(next), 2);
  });

  it("ends a call that is cancelled at once, and its question with the last call", async () => {
    const service = new Service();
    service.answers = false;
    const calls = [new AbortController(), new AbortController(), new AbortController()];
    const reading = calls.map(({ signal }) => service.paced.read(signal));
    await service.clock.settle();
    for (const call of calls) call.abort();
    assert.deepEqual((await Promise.all(reading)).map(kindOf), Array(3).fill("Cancelled"));
    await service.clock.settle();
    assert.deepEqual([service.askedMs.length, service.signals[0]?.aborted], [1, true]);
  });
});
