import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { formatDiskUri } from "../../core/azure/ids/disk-uri.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { ArmApi, ArmDisk } from "../arm/arm-api.ts";
import { ownError } from "../arm/arm-error.ts";
import { createArmSession } from "../arm/arm-session.ts";
import { ThrottleBudget } from "../arm/throttle-budget.ts";
import { defaultProvisionerSettings as settings } from "../settings.ts";
import { SharedDiskReads } from "./shared-disk-reads.ts";

/** How long Azure takes for a call, in milliseconds. */
const CALL_MS = 100;
const never = new AbortController().signal;

function uriOf(diskName: string): string {
  return formatDiskUri({ subscriptionId: "sub-1", resourceGroup: "rg-1", diskName });
}

/** An Azure whose disks each name the owner `vm-<time of the read>`; `listed` overrides them in lists. */
function aWorld(
  options: {
    readonly listed?: readonly Partial<ArmDisk>[];
    readonly refusesLists?: true;
    readonly brokenLists?: number;
  } = {},
) {
  const clock = createVirtualClock();
  const calls: string[] = [];
  let names: readonly string[] = [];
  let brokenLists = options.brokenLists ?? 0;
  const aDisk = (name: string): ArmDisk =>
    ({
      id: uriOf(name),
      name,
      maxShares: 1,
      managedBy: `vm-${clock.elapsedMs()}`,
      managedByExtended: [],
    }) as Partial<ArmDisk> as ArmDisk;
  const arm: Pick<ArmApi, "getDisk" | "listDisks"> = {
    getDisk: async ({ name }, signal) => {
      calls.push(name);
      const disk = aDisk(name);
      await clock.sleep(CALL_MS, signal);
      return { result: ok(disk), remaining: [] };
    },
    listDisks: async ({ nextPage }, signal) => {
      calls.push("list");
      if (brokenLists-- > 0) throw new Error("lists are broken");
      const disks = names.map((name, index) => ({ ...aDisk(name), ...options.listed?.[index] }));
      await nextPage?.();
      await clock.sleep(CALL_MS, signal);
      const refused = { ...ownError("AuthorizationFailed", ""), statusCode: 403 };
      return { result: options.refusesLists === true ? fail(refused) : ok(disks), remaining: [] };
    },
  };
  const session = createArmSession({
    arm: arm as ArmApi,
    budget: new ThrottleBudget({ clock, limits: settings.limits, gatewayLimits: settings.gatewayLimits }),
    clock,
    random: createSeededRandom(1),
    settings,
    lifetime: never,
  });
  const reads = new SharedDiskReads(session, never);
  const ask = (asked: readonly string[]): Promise<readonly (readonly string[] | undefined)[]> => {
    names = asked;
    return settledOn(
      clock,
      Promise.all(
        asked.map(async (name) => {
          const owners = await reads.owners(uriOf(name), never);
          return owners.ok ? owners.value : undefined;
        }),
      ),
    );
  };
  return { ask, calls, reads, clock };
}

const pvcs = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `pvc-${index}`);

describe("SharedDiskReads", () => {
  it("reads the disks of one VM one by one", async () => {
    const { ask, calls } = aWorld();
    assert.deepEqual(await ask(pvcs(10)), Array(10).fill(["vm-0"]));
    assert.deepEqual(calls, pvcs(10));
  });

  it("lists the disks of many VMs together, after the questions", async () => {
    const { ask, calls } = aWorld();
    const owners = await ask(pvcs(1000));
    assert.ok(calls.length < 100, `${calls.length} calls`);
    assert.ok(calls.includes("list"));
    assert.ok(owners.every((each) => each?.length === 1));
    const before = calls.length;
    const again = await ask(pvcs(1000));
    assert.ok(calls.length > before && again.every((each) => !owners.flat().includes(each?.[0])));
  });

  it("reads a disk by itself if a list leaves it, or a shared disk's owners, out", async () => {
    const listed = pvcs(100).map((_, index) =>
      index === 80
        ? { id: uriOf("another") }
        : index === 90
          ? { maxShares: 3, managedByExtended: [], managedBy: "vm-left" }
          : {},
    );
    const { ask, calls } = aWorld({ listed });
    const owners = await ask(pvcs(100));
    assert.ok(calls.includes("list") && calls.includes("pvc-80") && calls.includes("pvc-90"));
    assert.ok(!calls.includes("pvc-85"), "the list answers this one");
    assert.notDeepEqual(owners[90], ["vm-left"]);
  });

  it("reads all disks one by one where Azure refuses lists", async () => {
    const { ask, calls } = aWorld({ refusesLists: true });
    const owners = await ask(pvcs(100));
    assert.ok(owners.every((each) => each?.length === 1));
    assert.deepEqual(new Set(calls.filter((call) => call !== "list")).size, 100);
  });

  it("lists disks again after a list that broke", async () => {
    const { ask, calls, reads, clock } = aWorld({ brokenLists: 1 });
    const broken = pvcs(100).map((name) => reads.owners(uriOf(name), never));
    const ends = await settledOn(clock, Promise.allSettled(broken));
    assert.ok(ends.some(({ status }) => status === "rejected"));
    const before = calls.length;
    const owners = await ask(pvcs(100));
    assert.ok(owners.every((each) => each?.length === 1));
    assert.ok(calls.slice(before).includes("list"));
  });
});
