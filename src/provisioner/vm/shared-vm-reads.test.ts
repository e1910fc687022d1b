import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { settledOn } from "../../controller/testing/settled.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { ArmApi, ArmError, ArmVm } from "../arm/arm-api.ts";
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

/** Reads of an Azure in which the `vmId` of each VM counts the reads. */
function aWorld(lifetime: AbortSignal = never) {
  const clock = createVirtualClock();
  const startedMs: number[] = [];
  const getVm: ArmApi["getVm"] = async (_request, signal) => {
    const vmId = String(startedMs.push(clock.elapsedMs()));
    await clock.sleep(READ_MS, signal);
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
    lifetime,
  });
  return { clock, startedMs, reads: new SharedVmReads(session, lifetime) };
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

  it("ends with the process", async () => {
    const life = new AbortController();
    const { clock, startedMs, reads } = aWorld(life.signal);
    const running = reads.read(vm, never);
    await clock.advance(READ_MS / 2);
    const waiting = reads.read(vm, never);
    life.abort(new Error("shutdown"));
    await assert.rejects(running, { message: "shutdown" });
    await assert.rejects(waiting, { message: "shutdown" });
    assert.equal(startedMs.length, 1);
  });
});
