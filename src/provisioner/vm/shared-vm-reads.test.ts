import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { ArmApi, ArmError, ArmVm } from "../arm/arm-api.ts";
import { ownError } from "../arm/arm-error.ts";
import { createArmSession } from "../arm/arm-session.ts";
import { ThrottleBudget } from "../arm/throttle-budget.ts";
import { defaultProvisionerSettings as settings } from "../settings.ts";
import { SharedVmReads } from "./shared-vm-reads.ts";
import type { VmTarget } from "./vm-update.ts";

/** How long Azure takes for a read, in milliseconds. It shows the state at the start of the read. */
const READ_MS = 100;

const never = new AbortController().signal;

function aVm(name: string): VmTarget {
  const uri = `/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/virtualMachines/${name}`;
  return { subscriptionId: "sub-1", resourceGroup: "rg-1", name, uri, key: uri.toLowerCase() };
}

const vm = aVm("vm-a");

/** Reads of an Azure in which the `vmId` of each VM counts the reads, and the first take `firstMs`. */
function aWorld(firstMs: readonly number[] = []) {
  const clock = createVirtualClock();
  const startedMs: number[] = [];
  const getVm: ArmApi["getVm"] = async (_request, signal) => {
    const takesMs = firstMs[startedMs.length] ?? READ_MS;
    const vmId = String(startedMs.push(clock.elapsedMs()));
    await clock.sleep(takesMs, signal);
    return { result: ok({ vmId } as ArmVm), remaining: [] };
  };
  const budget = new ThrottleBudget({
    clock,
    limits: settings.limits,
    gatewayLimits: settings.gatewayLimits,
  });
  const arm = { getVm } as ArmApi;
  const session = createArmSession({
    arm,
    budget,
    clock,
    random: createSeededRandom(1),
    settings,
    lifetime: never,
  });
  /** Azure refuses a read of the VM for a while. */
  const refuse = (retryAfterMs: number): void =>
    budget.observe(
      { group: "vmRead", resource: vm.key, lane: "failover" },
      {
        result: fail({ ...ownError("TooManyRequests", ""), statusCode: 429, retryAfterMs }),
        remaining: [],
      },
    );
  return { clock, startedMs, refuse, reads: new SharedVmReads(session) };
}

const shown = (read: Result<ArmVm, ArmError>): string | undefined => (read.ok ? read.value.vmId : undefined);

describe("SharedVmReads", () => {
  it("answers all callers before its start by one read, and those since by the next", async () => {
    const { clock, startedMs, reads } = aWorld();
    const read = async (): Promise<string | undefined> => shown(await reads.read(vm, never));
    const early = [read(), read()];
    await clock.advance(READ_MS / 2);
    const late = [read(), read()];
    assert.deepEqual(await settledOn(clock, Promise.all([...early, ...late])), ["1", "1", "2", "2"]);
    assert.deepEqual(startedMs, [0, READ_MS]);
  });

  it("reads a VM four times without a pause, then at the pace of polls; others at once", async () => {
    const { clock, startedMs, reads } = aWorld();
    for (let index = 0; index < 6; index++) await settledOn(clock, reads.read(vm, never));
    const [first = 0, , , fourth = 0, fifth = 0, sixth = 0] = startedMs;
    assert.equal(fourth - first, 3 * READ_MS);
    assert.deepEqual([fifth - first, sixth - fifth], [settings.vmPollPace.minMs, settings.vmPollPace.minMs]);
    const nowMs = clock.elapsedMs();
    await settledOn(clock, reads.read(aVm("vm-b"), never));
    assert.equal(startedMs.at(-1), nowMs);
  });

  it("forgets a VM that may be read without a pause again", async () => {
    const { clock, reads } = aWorld();
    await settledOn(clock, reads.read(vm, never));
    await clock.advance(settings.vmPollPace.minMs);
    await settledOn(clock, reads.read(aVm("vm-b"), never));
    assert.equal(reads.vmsPaced, 1);
  });

  it("lets one waiter give up, and reads for the others all the same", async () => {
    const { clock, startedMs, reads } = aWorld();
    const impatient = new AbortController();
    const givenUp = reads.read(vm, impatient.signal);
    const patient = reads.read(vm, never);
    await clock.advance(READ_MS / 2);
    impatient.abort(new Error("deadline"));
    await assert.rejects(givenUp, { message: "deadline" });
    await assert.rejects(reads.read(vm, impatient.signal), { message: "deadline" });
    assert.deepEqual([shown(await settledOn(clock, patient)), startedMs.length], ["1", 1]);
  });

  it("reads beside a read that hangs, and aborts that with its caller", async () => {
    const { clock, startedMs, reads } = aWorld([10 * settings.vmPollPace.minMs]);
    const leaving = new AbortController();
    const hanging = reads.read(vm, leaving.signal);
    await clock.advance(READ_MS);
    assert.equal(shown(await settledOn(clock, reads.read(vm, never))), "2");
    assert.deepEqual(startedMs, [0, settings.vmPollPace.minMs]);
    leaving.abort(new Error("shutdown"));
    await assert.rejects(hanging, { message: "shutdown" });
    assert.equal(clock.sleepers(), 0);
  });

  it("shares a read that waits for the call budget with later callers", async () => {
    const { clock, startedMs, reads, refuse } = aWorld();
    refuse(2 * settings.vmPollPace.minMs);
    const early = reads.read(vm, never);
    await clock.advance(settings.vmPollPace.minMs);
    const late = reads.read(vm, never);
    assert.equal(startedMs.length, 0);
    const both = await settledOn(clock, Promise.all([early, late]));
    assert.deepEqual(both.map(shown), ["1", "1"]);
  });
});
