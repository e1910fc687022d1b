import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock, type VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import type { InstanceMetadata, InstanceMetadataService } from "../../ports/cloud/instance-metadata.ts";
import type { DriverEvent, Events } from "../../ports/cluster/events.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import type { LogFields, Logger } from "../../ports/logger.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { aMachine } from "../testing/a-machine.ts";
import { confirmMachine, discoverInstance } from "./discover-instance.ts";

const never = new AbortController().signal;
const nothingGiven = { vmId: undefined, instanceUri: undefined };
const notThere = fail({
  kind: "HostNotReady",
  detail: "the instance metadata service can't be reached: give --vm-id",
} as const);

/** Returns the answers in order, the last one repeatedly. */
function service(...answers: readonly Result<InstanceMetadata>[]): InstanceMetadataService {
  let asked = 0;
  return { read: async () => answers[Math.min(asked++, answers.length - 1)] ?? notThere };
}

function ownNode(labels: Readonly<Record<string, string>>): OwnNode {
  return {
    read: async () => ok({ labels, taints: [], isShuttingDown: false, volumeIds: [] }),
    drivers: async () => ok([]),
    replaceTaints: async () => ok(undefined),
  };
}

function portsOf(
  clock: VirtualClock,
  metadata: InstanceMetadataService | undefined,
  node?: OwnNode,
  logger: Logger = silentLogger,
) {
  const says = { nodeName: "node-a", events: { emit: () => undefined } };
  return { metadata, ownNode: node, clock, random: createSeededRandom(1), logger, ...says };
}

describe("discoverInstance", () => {
  it("retries until a new VM's metadata service responds, and logs a remedy each time", async () => {
    const clock = createVirtualClock();
    const emitted: LogFields[] = [];
    const logger: Logger = { ...silentLogger, warn: (_message, fields) => emitted.push(fields ?? {}) };
    const metadata = service(notThere, notThere, ok(aMachine()));
    const learnt = await settledOn(
      clock,
      discoverInstance(portsOf(clock, metadata, undefined, logger), nothingGiven, never),
    );
    assert.deepEqual(learnt, {
      vmId: aMachine().vmId,
      instanceUri: aMachine().resourceId,
      vmSize: "Standard_D4s_v5",
      location: "eastus",
      zone: "1",
      zoneLabel: undefined,
    });
    const error = `this node is not ready: ${notThere.failure.detail}`;
    assert.deepEqual(emitted, [
      { what: "what VM this is", attempt: 1, error },
      { what: "what VM this is", attempt: 2, error },
    ]);
  });

  it("says on the Node what it waits for, once that has lasted a minute", async () => {
    const clock = createVirtualClock();
    const emitted: { readonly atMs: number; readonly event: DriverEvent }[] = [];
    const events: Events = { emit: (event) => emitted.push({ atMs: clock.elapsedMs(), event }) };
    let isBlocked = true;
    const metadata: InstanceMetadataService = { read: async () => (isBlocked ? notThere : ok(aMachine())) };
    const learning = discoverInstance({ ...portsOf(clock, metadata), events }, nothingGiven, never);
    await clock.advance(120_000);
    isBlocked = false;
    await settledOn(clock, learning);
    const [first] = emitted;
    assert.deepEqual(first?.event, {
      about: { kind: "Node", name: "node-a" },
      reason: "MachineUnknown",
      message:
        "the node plug-in has not found out what VM this is: this node is not ready: " +
        notThere.failure.detail,
    });
    assert.ok(first.atMs >= 60_000 && first.atMs <= 80_000, `after ${first.atMs} ms`);
  });

  it("calls no service where GUID and resource id are set, but reads the labels", async () => {
    const clock = createVirtualClock();
    const node = ownNode({ "topology.kubernetes.io/zone": "eastus-2" });
    const unasked: InstanceMetadataService = { read: () => assert.fail("asked") };
    assert.deepEqual(
      await settledOn(
        clock,
        discoverInstance(portsOf(clock, unasked, node), { vmId: "guid", instanceUri: "/vm" }, never),
      ),
      {
        vmId: "guid",
        instanceUri: "/vm",
        vmSize: "",
        location: "eastus",
        zone: "2",
        zoneLabel: "eastus-2",
      },
    );
  });

  it("ends with its signal, however long the service does not respond", async () => {
    const clock = createVirtualClock();
    const life = new AbortController();
    const learning = discoverInstance(portsOf(clock, service(notThere)), nothingGiven, life.signal);
    await clock.advance(600_000);
    life.abort(new Error("asked to end"));
    await assert.rejects(settledOn(clock, learning), /asked to end/);
  });

  it("looks up what is not given: a GUID does not locate the VM", async () => {
    const clock = createVirtualClock();
    const learnt = await settledOn(
      clock,
      discoverInstance(
        portsOf(clock, service(ok(aMachine()))),
        { vmId: "guid", instanceUri: undefined },
        never,
      ),
    );
    assert.deepEqual([learnt.vmId, learnt.instanceUri], ["guid", aMachine().resourceId]);
  });

  it("refuses to guess a GUID, a VM's resource id or the region of a zone", async () => {
    const clock = createVirtualClock();
    await assert.rejects(
      discoverInstance(portsOf(clock, undefined), nothingGiven, never),
      /give both --vm-id and --vm-resource-id/,
    );
    await assert.rejects(
      discoverInstance(portsOf(clock, undefined), { vmId: "guid", instanceUri: undefined }, never),
      /--vm-resource-id/,
    );
    await assert.rejects(
      discoverInstance(portsOf(clock, undefined), { vmId: "guid", instanceUri: "/vm", zone: "1" }, never),
      /give --location/,
    );
  });
});

/** The known VM, in another case. */
function knownAs({ vmId, resourceId }: InstanceMetadata): Parameters<typeof confirmMachine>[1] {
  return { vmId: vmId.toUpperCase(), instanceUri: resourceId.toUpperCase() };
}

describe("confirmMachine", () => {
  it("ends a process that was resumed in another VM", async () => {
    const clock = createVirtualClock();
    const metadata = service(ok(aMachine()), notThere, ok(aMachine({ vmId: "another" })));
    await assert.rejects(
      settledOn(clock, confirmMachine({ ...portsOf(clock, metadata), metadata }, knownAs(aMachine()), never)),
      /is now on another/,
    );
    assert.equal(
      clock.elapsedMs() >= 180_000,
      true,
      "a VM that is the same, and a service that does not answer, are no reason to end",
    );
  });

  it("ends a process whose VM was moved to another resource id", async () => {
    const clock = createVirtualClock();
    const metadata = service(
      ok(aMachine()),
      ok(
        aMachine({
          resourceId: aMachine().resourceId.replace(/resourceGroups\/[^/]+/u, "resourceGroups/another"),
        }),
      ),
    );
    await assert.rejects(
      settledOn(clock, confirmMachine({ ...portsOf(clock, metadata), metadata }, knownAs(aMachine()), never)),
      /another/,
    );
    assert.equal(clock.elapsedMs() >= 120_000, true, "another case of the same id is no reason to end");
  });
});
