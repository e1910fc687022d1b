import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aCluster } from "../../controller/testing/a-cluster.ts";
import { aDisk } from "../../controller/testing/a-disk.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { platformOf } from "../../core/platform/platform.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import { aPod } from "../../core/schedule/testing/placement.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import type { SnapshotFacts } from "../../ports/cloud/snapshot-provisioner.ts";
import { OperationLock } from "../../runtime/operation-lock.ts";
import type { Volume } from "../gen/csi/v1/csi.ts";
import { volumeMessage } from "../messages/volume-message.ts";
import { aCall } from "../testing/a-call.ts";
import type { ControllerWorld } from "../testing/a-controller.ts";
import { withController } from "../testing/a-controller.ts";
import { aSnapshot, aSnapshotUri, createFakeSnapshots } from "../testing/fake-snapshots.ts";
import { aDetail, aDiskUri, aVolumeObject } from "../testing/objects.ts";
import { aBlockCapability, aCreateVolumeRequest, aMountCapability } from "../testing/requests.ts";
import type { ControllerContext } from "./controller-context.ts";
import { createVolume } from "./create-volume.ts";
import { markDeleted } from "./deletion/mark-deleted.ts";
import { controllerPublishVolume } from "./publish/controller-publish-volume.ts";
import { validateVolumeCapabilities } from "./validate-volume-capabilities.ts";

type Request = Parameters<typeof createVolume>[1];

const ZONE_KEY = "topology.disk.csi.azure.com/zone";
type Answer = Awaited<ReturnType<typeof createVolume>>;

function create(
  world: ControllerWorld,
  request: Partial<Request> = {},
  deadlineMs = Number.POSITIVE_INFINITY,
): Promise<Answer> {
  return createVolume(world.context, aCreateVolumeRequest(request), aCall({ deadlineMs }));
}

/** A CreateVolume whose object exists already. */
async function begun(world: ControllerWorld, request: Partial<Request> = {}): Promise<Promise<Answer>[]> {
  const answer = create(world, request);
  await world.until(() => world.volume("pvc-1") !== undefined);
  return [answer];
}

async function created(world: ControllerWorld, request: Partial<Request> = {}): Promise<void> {
  const [answer] = await begun(world, request);
  await world.diskCreated("pvc-1");
  assert.ok(answer !== undefined && (await world.answerOf(answer)).ok);
}

function messageOf(world: ControllerWorld): Volume {
  return volumeMessage(
    world.volume("pvc-1")?.spec ?? assert.fail("no volume"),
    aDetail(),
    world.context.driverName,
  );
}

const rejected: Failure = {
  kind: "CloudRejected",
  code: "SkuNotAvailable",
  message: "not in this zone",
  requestId: "r-1",
};

const outage: Failure = { kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "r-1" };

type GetDisk = ControllerContext["cloud"]["getDisk"];

/** Azure's refusal of an action that no role of the driver has. */
function denied(action: string): Failure {
  const message = `may not perform action 'Microsoft.Compute/${action}' over scope '/s'`;
  return { kind: "CloudUnauthorized", code: "AuthorizationFailed", message, requestId: "r-1" };
}

const notOffered = (zone: string): Failure => ({
  kind: "NotOfferedInZone",
  zone,
  detail: "PremiumV2_LRS disk is not supported.",
});

describe("createVolume", () => {
  it("hands the geometry of a new file system to the node, in the volume's context", () =>
    withController(async (world) => {
      const parameters = { skuName: "Premium_LRS", inodeSize: "512", bytesPerInode: "8192" };
      const answer = create(world, { parameters });
      await world.until(() => world.volume("pvc-1") !== undefined);
      await world.diskCreated("pvc-1");
      const created = await world.answerOf(answer);
      assert.ok(created.ok);
      const { inodeSize, bytesPerInode } = created.value.volume?.volumeContext ?? {};
      assert.deepEqual({ inodeSize, bytesPerInode }, { inodeSize: "512", bytesPerInode: "8192" });
      const other = await world.answerOf(create(world, { parameters: { ...parameters, inodeSize: "256" } }));
      assert.match(JSON.stringify(other), /inodeSize is 512, not 256/u);
    }));

  it("creates an object with the disk's name and a finalizer, and waits for the disk", () =>
    withController(async (world) => {
      const parameters = {
        skuName: "Premium_LRS",
        "csi.storage.k8s.io/pvc/name": "data",
        "csi.storage.k8s.io/pvc/namespace": "default",
      };
      const [answer] = await begun(world, { parameters });
      assert.ok(answer !== undefined);
      const { metadata, spec, status } = world.volume("pvc-1") ?? assert.fail("no volume");
      assert.deepEqual(metadata.finalizers, ["disk.csi.azure.com/azvolume"]);
      assert.deepEqual(metadata.labels, {
        "disk.csi.azure.com/pvc": "data",
        "disk.csi.azure.com/pvc-namespace": "default",
      });
      assert.deepEqual(
        [spec.volumeName, spec.disk.sizeGiB, spec.volumeContext, status],
        ["pvc-1", 10, { ...parameters, requestedsizegib: "10" }, undefined],
      );
      assert.deepEqual(world.steps, ["create-object"]);
      await world.diskCreated("pvc-1");
      assert.deepEqual(await world.answerOf(answer), ok({ volume: messageOf(world) }));
    }));

  for (const fsType of ["ntfs", "refs"])
    it(`creates a volume for Windows nodes where the class's fstype is ${fsType}`, () =>
      withController(async (world) => {
        const volumeCapabilities = [aMountCapability("SINGLE_NODE_WRITER", fsType)];
        await created(world, { volumeCapabilities });
        const { spec } = world.volume("pvc-1") ?? assert.fail("no volume");
        assert.equal(platformOf(spec), "windows");
        assert.deepEqual(
          spec.capabilities.map((capability) => capability.fsType),
          [fsType],
        );
      }));

  it("answers the same volume to a repeated call, whatever happened in between", () =>
    withController(async (world) => {
      await created(world);
      assert.deepEqual(await world.answerOf(create(world)), ok({ volume: messageOf(world) }));
    }));

  for (const { because, zones, location, zone } of [
    { because: "in the zone of all nodes", zones: ["2", "2"], location: "eastus", zone: "2" },
    { because: "in the zone of most nodes", zones: ["", "1", "1"], location: "eastus", zone: "1" },
    { because: "in no zone, as most nodes", zones: ["1", "", ""], location: undefined, zone: undefined },
  ])
    it(`places a disk without a required topology ${because}`, () =>
      withController(async (world) => {
        for (const [at, of] of zones.entries()) await world.givenNode(`node-${at}`, { zone: of });
        await world.givenNode("node-ready-later", { zone: "3", readyForVolumeAllocation: false });
        await created(world);
        const { disk } = world.volume("pvc-1")?.spec ?? {};
        assert.deepEqual([disk?.location, disk?.zone], [location, zone]);
      }));

  it("makes no disk in a region without a node, and stays where it is once it is made", () =>
    withController(async (world) => {
      const inWestEurope = { parameters: { skuName: "Premium_LRS", location: "westeurope" } };
      // No node says yet where the nodes are.
      await created(world, inWestEurope);
      await world.givenNode("node-a", { zone: "" });
      for (const topology of [undefined, { requisite: [{ segments: { [ZONE_KEY]: "" } }], preferred: [] }]) {
        const other = { ...inWestEurope, name: "pvc-2", accessibilityRequirements: topology };
        const refused = await world.answerOf(create(world, other));
        assert.deepEqual(!refused.ok && refused.failure, {
          kind: "InvalidArgument",
          field: "location",
          value: "westeurope",
          problem: "none of the volume's required topologies lies there: eastus",
        });
      }
      assert.ok((await world.answerOf(create(world, inWestEurope))).ok, "a volume that exists");
      await world.givenNode("node-b", { zone: "", location: "westeurope" });
      const answer = create(world, { ...inWestEurope, name: "pvc-2" });
      await world.until(() => world.volume("pvc-2") !== undefined);
      await world.diskCreated("pvc-2");
      assert.ok((await world.answerOf(answer)).ok);
    }));

  it("finds the work of a call whose caller gave up", () =>
    withController(async (world) => {
      const deadlineMs = world.clock.elapsedMs() + 10_000;
      assert.deepEqual(await world.answerOf(create(world, {}, deadlineMs)), {
        ok: false,
        failure: { kind: "StillWaiting", volumeId: "pvc-1", what: "its disk to be created" },
      });
      assert.ok(world.clock.elapsedMs() < deadlineMs, "the answer came too late for its caller");
      const again = create(world);
      await world.diskCreated("pvc-1");
      assert.deepEqual(await world.answerOf(again), ok({ volume: messageOf(world) }));
    }));

  it("answers the error of the last try when it can't wait longer", () =>
    withController(async (world) => {
      const [answer] = await begun(world);
      await world.failed("pvc-1", "Creating", { kind: "Throttled", retryAfterMs: 1000, detail: "writes" });
      assert.ok(answer !== undefined);
      const answered = await world.answerOf(answer);
      assert.match(
        !answered.ok && answered.failure.kind === "StillWaiting" ? answered.failure.what : "",
        /last try: Azure throttles requests \(writes\)/u,
      );
    }));

  it("ends with the caller's cancellation and leaves the work", () =>
    withController(async (world) => {
      const cancel = new AbortController();
      const answer = createVolume(world.context, aCreateVolumeRequest(), aCall({ signal: cancel.signal }));
      await world.until(() => world.volume("pvc-1") !== undefined);
      cancel.abort(new Error("gone"));
      await assert.rejects(world.answerOf(answer), /gone/u);
      assert.ok(world.volume("pvc-1") !== undefined);
    }));

  it("creates nothing for a call whose cancellation arrives right after it", () =>
    withController(async (world) => {
      const cancel = new AbortController();
      const answer = createVolume(world.context, aCreateVolumeRequest(), aCall({ signal: cancel.signal }));
      await Promise.resolve();
      cancel.abort(new Error("gone"));
      await assert.rejects(world.answerOf(answer), /gone/u);
      assert.deepEqual([world.volume("pvc-1"), world.steps], [undefined, []]);
    }));

  it("creates nothing if the process was paused until past the caller's deadline", () =>
    withController(async (world) => {
      const { clock } = world;
      const standingStill = {
        ...clock,
        sleep: (ms: number, signal: AbortSignal) => clock.sleep(60_000 + ms, signal),
      };
      const call = aCall({ deadlineMs: clock.elapsedMs() + 60_000 });
      const answer = await world.answerOf(
        createVolume({ ...world.context, clock: standingStill }, aCreateVolumeRequest(), call),
      );
      assert.deepEqual(answer, {
        ok: false,
        failure: { kind: "DeadlineExceeded", operation: "CreateVolume" },
      });
      assert.deepEqual([world.volume("pvc-1"), world.steps], [undefined, []]);
    }));

  it("refuses a second call for the volume while the first waits", () =>
    withController(async (world) => {
      const [first] = await begun(world);
      const second = await world.answerOf(create(world));
      assert.deepEqual(!second.ok && second.failure.kind, "OperationInProgress");
      await world.diskCreated("pvc-1");
      assert.ok(first !== undefined && (await world.answerOf(first)).ok);
    }));

  for (const [change, difference] of [
    [{ capacityRange: { requiredBytes: gibToBytes(20), limitBytes: 0n } }, /10 GiB/u],
    [{ parameters: { skuName: "Premium_ZRS" } }, /skuName/u],
    [{ volumeCapabilities: [aBlockCapability()] }, /block/u],
  ] as const) {
    it(`refuses another request under the same name: ${difference.source}`, () =>
      withController(async (world) => {
        await created(world);
        const answer = await world.answerOf(create(world, change));
        assert.match(
          !answer.ok && answer.failure.kind === "VolumeExistsWithOtherRequest"
            ? answer.failure.difference
            : "",
          difference,
        );
      }));
  }

  for (const { limitGiB, isFound } of [
    { limitGiB: 0, isFound: true },
    { limitGiB: 20, isFound: true },
    { limitGiB: 19, isFound: false },
  ])
    it(`${isFound ? "finds" : "refuses"} a grown disk of 20 GiB with a limit of ${limitGiB} GiB`, () =>
      withController(async (world) => {
        const capacityRange = { requiredBytes: gibToBytes(10), limitBytes: gibToBytes(limitGiB) };
        const [answer] = await begun(world, { capacityRange });
        // Its tags name the volume, so it was adopted.
        await world.diskCreated("pvc-1", 20);
        const made = await world.answerOf(answer ?? assert.fail("not begun"));
        if (made.ok) assert.equal(made.value.volume?.capacityBytes, gibToBytes(20));
        assert.equal(
          made.ok || (made.failure.kind === "VolumeExistsWithOtherRequest" && made.failure.difference),
          isFound ||
            `it has 20 GiB, which is outside the range asked for now (${gibToBytes(10)} to ` +
              `${gibToBytes(19)} bytes)`,
        );
      }));

  describe("of raw block, for a claim with ReadWriteOnce and ReadWriteMany", () => {
    // external-provisioner states each mode of the claim.
    const request = {
      volumeCapabilities: [aBlockCapability(), aBlockCapability("MULTI_NODE_MULTI_WRITER")],
      parameters: { skuName: "Premium_LRS", maxShares: "2" },
    };

    it("makes a volume that several nodes write, and answers a repeated call", () =>
      withController(async (world) => {
        await created(world, request);
        const { capabilities, maxMountReplicaCount } = world.volume("pvc-1")?.spec ?? assert.fail("none");
        assert.deepEqual(
          [capabilities, maxMountReplicaCount],
          [[{ accessType: "block", accessMode: "MULTI_NODE_MULTI_WRITER" }], 0],
        );
        const again = await world.answerOf(create(world, request));
        assert.deepEqual(again, ok({ volume: messageOf(world) }));
        const validateRequest = {
          volumeId: aDiskUri("pvc-1"),
          volumeContext: {},
          secrets: {},
          mutableParameters: {},
        };
        const { volumeCapabilities } = request;
        const validated = await world.answerOf(
          validateVolumeCapabilities(
            world.context,
            { ...validateRequest, volumeCapabilities, parameters: {} },
            aCall(),
          ),
        );
        assert.deepEqual(validated.ok && validated.value.confirmed?.volumeCapabilities, volumeCapabilities);
      }));

    // external-attacher states ReadWriteMany alone.
    it("makes a volume that is published to several nodes", () =>
      withController(async (world) => {
        await created(world, request);
        for (const nodeId of ["node-a", "node-b"]) {
          await world.givenNode(nodeId);
          const answer = await world.answerOf(
            controllerPublishVolume(
              world.context,
              {
                volumeId: aDiskUri("pvc-1"),
                nodeId,
                volumeCapability: aBlockCapability("MULTI_NODE_MULTI_WRITER"),
                readonly: false,
                secrets: {},
                volumeContext: {},
              },
              aCall(),
            ),
          );
          assert.deepEqual(answer, ok({ publishContext: {} }));
        }
      }));
  });

  it("says how a claim gets on whose class has changed since its disk was begun", () =>
    withController(async (world) => {
      const [first] = await begun(world, { parameters: { skuName: "Premium_LRS" } });
      const context = { ...world.context, locks: new OperationLock(), clusterVolumes: aCluster([]) };
      const other = aCreateVolumeRequest({ parameters: { skuName: "Premium_ZRS" } });
      const answer = await world.answerOf(createVolume(context, other, aCall()));
      assert.match(
        answer.ok ? "" : describeFailure(answer.failure),
        /skuName is "Premium_LRS", not "Premium_ZRS"; .*restore its StorageClass.*the event UnclaimedDisk/u,
      );
      await world.diskCreated("pvc-1");
      assert.ok(first !== undefined && (await world.answerOf(first)).ok);
    }));

  it("changes nothing for a request that can't be served", () =>
    withController(async (world) => {
      const answer = await world.answerOf(
        create(world, { parameters: { maxShares: "3", maxMountReplicaCount: "3", skuName: "Premium_LRS" } }),
      );
      assert.equal(!answer.ok && answer.failure.kind, "InvalidArgument");
      assert.deepEqual([world.volume("pvc-1"), world.steps], [undefined, []]);
    }));

  it("answers a final failure and deletes the object, for the next call to start over", () =>
    withController(async (world) => {
      const [answer] = await begun(world);
      await world.failed("pvc-1", "CreationFailed", rejected);
      await world.until(() => world.volume("pvc-1")?.metadata.deletionTimestamp !== undefined);
      assert.equal(world.volume("pvc-1")?.spec.deleteRequested, true);
      await world.removeFinalizers("pvc-1");
      assert.deepEqual(await world.answerOf(answer ?? assert.fail()), { ok: false, failure: rejected });
      await created(world);
    }));

  /** A volume in zone 1 whose creation has failed for good, after its call had ended. */
  const leftFailed = async (world: ControllerWorld): Promise<void> => {
    await world.answerOf(create(world, {}, world.clock.elapsedMs() + 1_000));
    await world.failed("pvc-1", "CreationFailed", rejected);
  };

  it("makes a volume by another request once the first one has failed without a disk", () =>
    withController(async (world) => {
      await leftFailed(world);
      const earlier = world.volume("pvc-1")?.metadata.uid;
      const again = create(world, { parameters: { skuName: "StandardSSD_LRS" } });
      await world.until(() => world.volume("pvc-1")?.metadata.deletionTimestamp !== undefined);
      await world.removeFinalizers("pvc-1");
      await world.until(() => ![undefined, earlier].includes(world.volume("pvc-1")?.metadata.uid));
      await world.diskCreated("pvc-1");
      assert.ok((await world.answerOf(again)).ok);
      assert.equal(world.volume("pvc-1")?.spec.disk.skuName, "StandardSSD_LRS");
    }));

  const kept: readonly (readonly [because: string, getDisk: GetDisk, answered: string])[] = [
    ["Azure shows its disk", async () => ok(aDisk()), "VolumeExistsWithOtherRequest"],
    ["its disk can't be read", async () => fail(denied("disks/read")), "VolumeExistsWithOtherRequest"],
    ["Azure can't be reached", async () => fail(outage), "CloudUnavailable"],
  ];
  for (const [because, getDisk, answered] of kept)
    it(`keeps a failed volume from another request where ${because}`, () =>
      withController(async (world) => {
        await leftFailed(world);
        const context = { ...world.context, cloud: { getDisk } };
        const again = create({ ...world, context }, { parameters: { skuName: "StandardSSD_LRS" } });
        const answer = await world.answerOf(again);
        assert.equal(!answer.ok && answer.failure.kind, answered);
        assert.equal(world.volume("pvc-1")?.spec.deleteRequested, false);
      }));

  const noCapacity = (zone: string): Failure => ({ kind: "NoCapacityInZone", zone, detail: "It is full." });
  const inZones = (preferred: readonly string[], requisite = preferred): Partial<Request> => {
    const terms = (zones: readonly string[]): { readonly segments: Record<string, string> }[] =>
      zones.map((zone) => ({ segments: { [ZONE_KEY]: zone } }));
    return { accessibilityRequirements: { requisite: terms(requisite), preferred: terms(preferred) } };
  };
  const zoneOf = (world: ControllerWorld): string | undefined => world.volume("pvc-1")?.spec.disk.zone;
  const isDeleted = (world: ControllerWorld) => (): boolean =>
    world.volume("pvc-1")?.metadata.deletionTimestamp !== undefined;

  /** Refuses the volume in its zone, and removes it once its call has marked it. */
  const refuse = async (world: ControllerWorld, failure: Failure): Promise<void> => {
    await world.failed("pvc-1", "CreationFailed", failure);
    await world.until(isDeleted(world));
    await world.removeFinalizers("pvc-1");
  };

  const exhausted: readonly {
    readonly request: Partial<Request>;
    readonly tried: readonly (readonly [zone: string | undefined, failure: Failure])[];
    readonly answered: Failure["kind"];
    /** The zones of the only event of the outcome. Undefined: the disk's reconciler emits it. */
    readonly reported?: string;
  }[] = [
    {
      request: inZones(["eastus-1", "eastus-2"]),
      tried: [
        ["1", notOffered("1")],
        ["2", notOffered("2")],
      ],
      answered: "NotOfferedInZone",
      reported: "eastus-1, eastus-2",
    },
    {
      request: inZones(["eastus-2"], ["eastus-1", "eastus-2", "eastus-3"]),
      tried: [
        ["2", notOffered("2")],
        ["1", notOffered("1")],
        ["3", noCapacity("3")],
      ],
      answered: "NoCapacityInZone",
      reported: "eastus-2, eastus-1, eastus-3",
    },
    {
      request: inZones(["eastus-1"]),
      tried: [["1", notOffered("1")]],
      answered: "InvalidArgument",
      reported: "eastus-1",
    },
    {
      request: inZones(["eastus-1", "eastus-2"]),
      tried: [["1", noCapacity("1")]],
      answered: "NoCapacityInZone",
      reported: "eastus-1",
    },
    {
      request: inZones(["eastus-1", "westus-2"]),
      tried: [["1", notOffered("1")]],
      answered: "NotOfferedInZone",
      reported: "eastus-1",
    },
    {
      request: inZones(["eastus-1", ""]),
      tried: [
        ["1", notOffered("1")],
        [undefined, rejected],
      ],
      answered: "CloudRejected",
    },
    { request: inZones(["eastus-1", "eastus-2"]), tried: [["1", rejected]], answered: "CloudRejected" },
  ];
  for (const { request, tried, answered, reported } of exhausted)
    it(`answers ${answered} after zones ${tried.map(([zone]) => zone).join(", ")}`, () =>
      withController(async (world) => {
        const [answer = assert.fail()] = await begun(world, request);
        for (const [zone, failure] of tried) {
          await world.until(() => world.volume("pvc-1") !== undefined && !isDeleted(world)());
          assert.equal(zoneOf(world), zone);
          await refuse(world, failure);
        }
        const gaveUp = await world.answerOf(answer);
        assert.equal(!gaveUp.ok && gaveUp.failure.kind, answered);
        const zones = world.emitted.flatMap(({ reason, message }) =>
          reason === "CreationFailed" ? [/^the disk could not be made in (.*?): /u.exec(message)?.[1]] : [],
        );
        assert.deepEqual(zones, reported === undefined ? [] : [reported]);
      }));

  const twoZones = inZones(["eastus-1"], ["eastus-1", "eastus-2"]);
  const madeInZone2 = async (world: ControllerWorld, answer: Promise<Answer>): Promise<void> => {
    await world.until(() => zoneOf(world) === "2");
    await world.setStatus("pvc-1", ({ status }) => ({
      ...(status ?? { conditions: [] }),
      state: "Created",
      observedGeneration: 1,
      detail: aDetail({ zones: ["2"] }),
    }));
    const made = await world.answerOf(answer);
    assert.deepEqual(made.ok && made.value.volume?.accessibleTopology, [
      { segments: { [ZONE_KEY]: "eastus-2" } },
    ]);
  };

  it("makes the disk in the next allowed zone, says so, and finds it again", () =>
    withController(async (world) => {
      const [answer = assert.fail()] = await begun(world, twoZones);
      await refuse(world, notOffered("1"));
      await madeInZone2(world, answer);
      assert.deepEqual(
        world.emitted.map(({ reason, message }) => `${reason}: ${message}`),
        ["OtherZone: no disk could be made in eastus-1, and eastus-2 is tried"],
      );
      assert.ok((await world.answerOf(create(world, twoZones))).ok);
      assert.equal(zoneOf(world), "2");
    }));

  const threeZones = inZones(["eastus-1"], ["eastus-1", "eastus-2", "eastus-3"]);
  /** A call for a claim whose pod may run in some zones, of which each has a node. */
  const begunForPodIn = async (
    world: ControllerWorld,
    zones: readonly string[],
    goneNode?: string,
  ): Promise<{ readonly answer: Promise<Answer> }> => {
    for (const zone of ["1", "2", "3"]) await world.givenNode(`node-${zone}`, { zone });
    const values = zones.map((zone) => `eastus-${zone}`);
    const pod = aPod({
      nodeName: "",
      nodeAffinity: [
        {
          matchExpressions: [{ key: "topology.kubernetes.io/zone", operator: "In", values }],
          matchFields: [],
        },
      ],
    });
    const users: ControllerContext["users"] = {
      ...world.context.users,
      cachedNode: (nodeName) => ({
        ...world.node,
        labels: { "topology.kubernetes.io/zone": nodeName.replace("node", "eastus") },
        ...(nodeName === goneNode ? { isGone: true, labels: {} } : {}),
      }),
      cachedClaimPods: (claim) => (claim === "default/data" ? [pod] : []),
    };
    const parameters = {
      "csi.storage.k8s.io/pvc/namespace": "default",
      "csi.storage.k8s.io/pvc/name": "data",
    };
    const [answer = assert.fail()] = await begun(
      { ...world, context: { ...world.context, users } },
      { ...threeZones, parameters },
    );
    return { answer };
  };

  it("leaves the choice to the scheduler where its pod may run in no other zone", () =>
    withController(async (world) => {
      const { answer } = await begunForPodIn(world, ["1"]);
      await refuse(world, notOffered("1"));
      const refused = await world.answerOf(answer);
      assert.deepEqual([!refused.ok && refused.failure.kind, zoneOf(world)], ["NotOfferedInZone", undefined]);
    }));

  it("leaves out a zone in which no pod of its claim may run", () =>
    withController(async (world) => {
      await begunForPodIn(world, ["1", "3"]);
      await refuse(world, notOffered("1"));
      await world.until(() => zoneOf(world) !== "1" && zoneOf(world) !== undefined);
      assert.equal(zoneOf(world), "3");
    }));

  it("does not leave out a zone for nodes that have left the cluster", () =>
    withController(async (world) => {
      await begunForPodIn(world, ["1", "2"], "node-2");
      await refuse(world, notOffered("1"));
      await world.until(() => zoneOf(world) !== "1" && zoneOf(world) !== undefined);
      assert.equal(zoneOf(world), "2");
    }));

  it("continues where an earlier call had ended, before or in the deletion", async () => {
    for (const isMarked of [false, true])
      await withController(async (world) => {
        const ended = create(world, twoZones, world.clock.elapsedMs() + 5_000);
        await world.until(() => world.volume("pvc-1") !== undefined);
        if (isMarked) await world.failed("pvc-1", "CreationFailed", notOffered("1"));
        const first = await world.answerOf(ended);
        assert.equal(!first.ok && first.failure.kind, isMarked ? "OperationInProgress" : "StillWaiting");
        assert.equal(isDeleted(world)(), isMarked);
        const again = create(world, twoZones);
        await world.clock.advance(1_000);
        if (isMarked) await world.removeFinalizers("pvc-1");
        else await refuse(world, notOffered("1"));
        await madeInZone2(world, again);
      });
  });

  it("makes one disk where two controllers leave a zone at once", () =>
    withController(async (world) => {
      const other = { ...world.context, locks: new OperationLock() };
      const both = [create(world, twoZones), create({ ...world, context: other }, twoZones)];
      await world.clock.advance(1_000);
      await refuse(world, notOffered("1"));
      const [first = assert.fail(), second = assert.fail()] = both;
      await madeInZone2(world, first);
      assert.deepEqual(await world.answerOf(second), await world.answerOf(first));
    }));

  it("deletes no volume whose creation was tried again, and succeeded, before the mark", () =>
    withController(async (world) => {
      const steps: ControllerContext["steps"] = {
        run: async (step, take) => {
          if (step === "mark-delete") await world.diskCreated("pvc-1");
          return take();
        },
      };
      const [answer] = await begun({ ...world, context: { ...world.context, steps } });
      await world.failed("pvc-1", "CreationFailed", rejected);
      const first = await world.answerOf(answer ?? assert.fail());
      assert.equal(first.ok ? "" : first.failure.kind, "OperationInProgress");
      const { metadata, spec } = world.volume("pvc-1") ?? assert.fail("no volume");
      assert.deepEqual([spec.deleteRequested, metadata.deletionTimestamp], [false, undefined]);
      assert.ok((await world.answerOf(create(world))).ok);
    }));

  /** A volume that Azure refused to make, and whose disk the driver may not look for to delete it. */
  const notCleanedUp = async (world: ControllerWorld): Promise<void> => {
    const [answer] = await begun(world);
    await world.failed("pvc-1", "CreationFailed", denied("disks/write"));
    await world.until(() => world.volume("pvc-1")?.metadata.deletionTimestamp !== undefined);
    await world.failed("pvc-1", "DeletionFailed", denied("disks/read"));
    const first = await world.answerOf(answer ?? assert.fail());
    assert.deepEqual(first, { ok: false, failure: denied("disks/write") });
  };
  const isDeletionRestarted = (world: ControllerWorld) => (): boolean =>
    world.volume("pvc-1")?.status?.state === "Deleting";

  it("names the missing right again when the driver may not even clean up", () =>
    withController(async (world) => {
      await notCleanedUp(world);
      const again = create(world);
      await world.until(isDeletionRestarted(world));
      await world.failed("pvc-1", "DeletionFailed", denied("disks/read"));
      assert.deepEqual(await world.answerOf(again), { ok: false, failure: denied("disks/read") });
    }));

  it("makes the volume once the missing right is granted, without a DeleteVolume", () =>
    withController(async (world) => {
      await notCleanedUp(world);
      const earlier = world.volume("pvc-1")?.metadata.uid;
      const again = create(world);
      await world.until(isDeletionRestarted(world));
      await world.removeFinalizers("pvc-1");
      await world.until(() => ![undefined, earlier].includes(world.volume("pvc-1")?.metadata.uid));
      await world.diskCreated("pvc-1");
      assert.ok((await world.answerOf(again)).ok);
    }));

  it("answers the kept disk of a volume whose AzVolume a person deleted", () =>
    withController(async (world) => {
      await created(world);
      await world.answerOf(world.store.delete("AzVolume", "pvc-1", {}, new AbortController().signal));
      assert.ok((await world.answerOf(create(world))).ok);
    }));

  it("answers that the volume is being deleted", () =>
    withController(async (world) => {
      await created(world);
      const marked = await markDeleted(
        world.context,
        world.volume("pvc-1") ?? assert.fail(),
        () => undefined,
        new AbortController().signal,
      );
      assert.ok(marked.ok);
      const answer = await world.answerOf(create(world));
      assert.deepEqual(!answer.ok && answer.failure, {
        kind: "OperationInProgress",
        volumeId: "pvc-1",
        operation: "DeleteVolume",
      });
    }));

  it("names the object as the disk that the class names, which no second volume gets", () =>
    withController(async (world) => {
      const parameters = { diskName: "Data-${pv.metadata.name}", "csi.storage.k8s.io/pv/name": "a" };
      const first = create(world, { parameters });
      await world.until(() => world.volume("data-a") !== undefined);
      await world.diskCreated("data-a");
      assert.ok((await world.answerOf(first)).ok);
      assert.equal(world.volume("data-a")?.spec.disk.diskName, "Data-a");
      const second = await world.answerOf(create(world, { name: "pvc-2", parameters }));
      assert.match(
        !second.ok && second.failure.kind === "VolumeExistsWithOtherRequest" ? second.failure.difference : "",
        /it was made as "pvc-1"/u,
      );
    }));

  it("keeps the disk's identity apart from the request's spelling", () =>
    withController(async (world) => {
      await created(world);
      const answer = await world.answerOf(create(world, { name: "PVC-1" }));
      assert.equal(!answer.ok && answer.failure.kind, "VolumeExistsWithOtherRequest");
      assert.equal(world.volume("pvc-1")?.status?.detail?.diskUri, aDiskUri());
    }));
});

describe("createVolume with a content source", () => {
  const snapshotUri = aSnapshotUri("snapshot-1");
  const ofSnapshot = (snapshotId = snapshotUri): Request["volumeContentSource"] => ({
    type: { $case: "snapshot", value: { snapshotId } },
  });
  const ofVolume = (volumeId = aDiskUri("source")): Request["volumeContentSource"] => ({
    type: { $case: "volume", value: { volumeId } },
  });

  /** A world in which Azure has a snapshot and a disk of 10 GiB, as changed. */
  function withSources(
    act: (world: ControllerWorld) => Promise<void>,
    changes: {
      readonly snapshot?: Partial<SnapshotFacts>;
      readonly disk?: Partial<DiskFacts>;
      readonly nodes?: readonly Parameters<ControllerWorld["givenNode"]>[1][];
    } = {},
  ): Promise<void> {
    return withController(async (world) => {
      for (const [at, node] of (changes.nodes ?? []).entries()) await world.givenNode(`node-${at}`, node);
      const cloud: ControllerWorld["context"]["cloud"] = {
        getDisk: async ({ diskUri }) =>
          diskUri === aDiskUri("source")
            ? ok(aDisk({ diskUri, zones: ["2"], ...changes.disk }))
            : fail({ kind: "DiskNotFound", diskUri }),
      };
      const snapshots = createFakeSnapshots(aSnapshot(changes.snapshot));
      await act({ ...world, context: { ...world.context, cloud, snapshots } });
    });
  }

  for (const [what, volumeContentSource, sourceUri] of [
    ["a snapshot", ofSnapshot(), snapshotUri],
    ["a volume", ofVolume(), aDiskUri("source")],
  ] as const)
    it(`stores ${what} as the disk's source, and answers it, also once that is gone`, () =>
      withSources(async (world) => {
        const request = { volumeContentSource, capacityRange: undefined };
        await created(world, request);
        const { disk } = world.volume("pvc-1")?.spec ?? {};
        assert.deepEqual([disk?.sourceUri, disk?.sizeGiB, disk?.location], [sourceUri, 10, "eastus"]);
        const getDisk = async () => fail({ kind: "DiskNotFound", diskUri: sourceUri } as const);
        const context = { ...world.context, cloud: { getDisk }, snapshots: createFakeSnapshots() };
        const again = await world.answerOf(create({ ...world, context }, request));
        assert.deepEqual(again, ok({ volume: messageOf(world) }));
        assert.deepEqual(again.ok && again.value.volume?.contentSource, volumeContentSource);
      }));

  for (const { sectorSizeBytes, LogicalSectorSize, logicalSectorSize } of [
    { sectorSizeBytes: 512, logicalSectorSize: 512 },
    { sectorSizeBytes: 512, LogicalSectorSize: "512", logicalSectorSize: 512 },
    { sectorSizeBytes: 4096, logicalSectorSize: undefined },
    { sectorSizeBytes: 4096, LogicalSectorSize: "4096", logicalSectorSize: 4096 },
  ])
    it(`keeps ${sectorSizeBytes} bytes a sector in a copy, whose class states ${LogicalSectorSize ?? "none"}`, () =>
      withSources(
        async (world) => {
          const stated: Record<string, string> = LogicalSectorSize === undefined ? {} : { LogicalSectorSize };
          const parameters = { skuName: "PremiumV2_LRS", ...stated };
          const request = { parameters, volumeContentSource: ofSnapshot(), capacityRange: undefined };
          await created(world, request);
          assert.equal(world.volume("pvc-1")?.spec.disk.logicalSectorSize, logicalSectorSize);
          assert.ok((await world.answerOf(create(world, request))).ok, "a repeated call");
          const validated = await world.answerOf(
            validateVolumeCapabilities(
              world.context,
              {
                volumeId: aDiskUri(),
                volumeContext: {},
                volumeCapabilities: [aMountCapability()],
                parameters,
                secrets: {},
                mutableParameters: {},
              },
              aCall(),
            ),
          );
          assert.equal(validated.ok && validated.value.message, "");
        },
        { snapshot: { sectorSizeBytes } },
      ));

  it("makes the next GiB of a snapshot for a claim of the size that Azure shows", () =>
    withSources(
      async (world) => {
        const capacityRange = { requiredBytes: gibToBytes(9), limitBytes: 0n };
        const request = { volumeContentSource: ofSnapshot(), capacityRange };
        await created(world, request);
        assert.equal(world.volume("pvc-1")?.spec.disk.sizeGiB, 10);
        assert.deepEqual(await world.answerOf(create(world, request)), ok({ volume: messageOf(world) }));
      },
      { snapshot: { sizeGiB: 10, shownGiB: 9 } },
    ));

  it("clones no disk that another client has made under the name of the volume's", () =>
    withSources(
      async (world) => {
        const detail = aDetail({ diskUri: aDiskUri("source"), uniqueId: "first" });
        await world.given("AzVolume", aVolumeObject({ name: "source", detail }));
        const request = { volumeContentSource: ofVolume(), capacityRange: undefined };
        const answered = await world.answerOf(create(world, request));
        assert.deepEqual(answered.ok ? "made" : answered.failure, {
          kind: "DiskReplaced",
          diskUri: aDiskUri("source"),
          uniqueId: "first",
          shownId: "second",
        });
        assert.equal(world.volume("pvc-1"), undefined);
      },
      { disk: { uniqueId: "second" } },
    ));

  it("makes the next GiB of a disk for a clone of the size that Azure shows", () =>
    withSources(
      async (world) => {
        const capacityRange = { requiredBytes: gibToBytes(9), limitBytes: 0n };
        const request = { volumeContentSource: ofVolume(), capacityRange };
        await created(world, request);
        assert.equal(world.volume("pvc-1")?.spec.disk.sizeGiB, 10);
        assert.deepEqual(await world.answerOf(create(world, request)), ok({ volume: messageOf(world) }));
      },
      { disk: { sizeGiB: 9, copyGiB: 10 } },
    ));

  it("makes a disk by instant access that is as large and as fast as its source", () =>
    withSources(
      async (world) => {
        const parameters = { skuName: "PremiumV2_LRS" };
        await created(world, { volumeContentSource: ofSnapshot(), capacityRange: undefined, parameters });
        assert.equal(world.volume("pvc-1")?.spec.disk.sizeGiB, 10);
      },
      { snapshot: { isBeingCopied: true } },
    ));

  it("answers a copy that Azure has, whose AzVolume and source are gone", () =>
    withSources(async (world) => {
      const request = { volumeContentSource: ofSnapshot(), capacityRange: undefined };
      const begun = {
        diskUri: aDiskUri("pvc-1"),
        sourceUri: snapshotUri,
        zones: ["2"],
        completionPercent: 40,
      };
      const getDisk = async () => ok(aDisk(begun));
      const context = { ...world.context, cloud: { getDisk }, snapshots: createFakeSnapshots() };
      await created({ ...world, context }, request);
      const { disk } = world.volume("pvc-1")?.spec ?? {};
      assert.deepEqual([disk?.sourceUri, disk?.sizeGiB, disk?.zone], [snapshotUri, 10, "2"]);
    }));

  it("refuses a copy whose source is gone and whose disk has failed", () =>
    withSources(async (world) => {
      const diskUri = aDiskUri("pvc-1");
      const begun = aDisk({ diskUri, sourceUri: snapshotUri, state: "Failed", completionPercent: 40 });
      const context = {
        ...world.context,
        cloud: { getDisk: async () => ok(begun) },
        snapshots: createFakeSnapshots(),
      };
      const answer = await world.answerOf(
        create({ ...world, context }, { volumeContentSource: ofSnapshot(), capacityRange: undefined }),
      );
      const failure = { kind: "DiskCopyFailed", diskUri, sourceUri: snapshotUri, state: "Failed" };
      assert.deepEqual(!answer.ok && answer.failure, failure);
      assert.equal(world.volume("pvc-1"), undefined);
    }));

  it("refuses a copy whose source is gone where its disk has another source", () =>
    withSources(async (world) => {
      const getDisk = async () => ok(aDisk({ diskUri: aDiskUri("pvc-1"), sourceUri: aSnapshotUri("other") }));
      const context = { ...world.context, cloud: { getDisk }, snapshots: createFakeSnapshots() };
      const answer = await world.answerOf(
        create({ ...world, context }, { volumeContentSource: ofSnapshot(), capacityRange: undefined }),
      );
      assert.deepEqual(!answer.ok && answer.failure, { kind: "SnapshotNotFound", snapshotUri });
      assert.equal(world.volume("pvc-1"), undefined);
    }));

  const since = "2026-01-01T00:00:00Z";
  const known = { percent: 40, since, readTime: since };
  const failedSource = {
    kind: "CopySourceFailed",
    sourceUri: aDiskUri("source"),
    detail: "provisioningState Failed",
  } as const;
  for (const { because, copy, shown = {}, failure } of [
    {
      because: "one that Azure had shown as failed, and whose tags were set since",
      copy: { ...known, failedState: "Failed" },
      failure: failedSource,
    },
    {
      because: "such a one that a node has had",
      copy: { ...known, failedState: "Failed", firstAttachTime: since },
      failure: failedSource,
    },
    {
      because: "one that Azure shows as failed and fills no more, that a VM has",
      copy: known,
      shown: { state: "Failed", attachedTo: ["vm"] },
      failure: failedSource,
    },
    {
      because: "a new one of which Azure shows no percentage yet",
      copy: { since, readTime: since },
      failure: {
        kind: "StillWaiting",
        volumeId: "pvc-1",
        what: `its source ${aDiskUri("source")}, whose data Azure still copies (0 %)`,
      } as const,
    },
    {
      because: "none that has failed and that Azure has completed since",
      copy: { ...known, failedState: "Failed" },
      shown: { isShownComplete: true } as const,
      failure: undefined,
    },
  ])
    it(`copies no volume that is a copy itself: ${because}`, () =>
      withSources(
        async (world) => {
          const { metadata, spec, status = assert.fail("no status") } = aVolumeObject({ name: "source" });
          await world.given("AzVolume", { metadata, spec, status: { ...status, copy } });
          const request = { volumeContentSource: ofVolume(), capacityRange: undefined };
          if (failure === undefined) {
            await created(world, request);
            return;
          }
          assert.deepEqual(await world.answerOf(create(world, request)), { ok: false, failure });
          assert.equal(world.volume("pvc-1"), undefined);
        },
        { disk: { sourceUri: aDiskUri("first"), ...shown } },
      ));

  it("tries no other zone for the copy of a zonal disk", () =>
    withSources(async (world) => {
      const requisite = ["2", "1"].map((zone) => ({ segments: { [ZONE_KEY]: `eastus-${zone}` } }));
      const [answer = assert.fail()] = await begun(world, {
        volumeContentSource: ofVolume(),
        capacityRange: undefined,
        accessibilityRequirements: { requisite, preferred: [] },
      });
      const failure = notOffered("2");
      await world.failed("pvc-1", "CreationFailed", failure);
      await world.until(() => world.volume("pvc-1")?.metadata.deletionTimestamp !== undefined);
      await world.removeFinalizers("pvc-1");
      assert.deepEqual(await world.answerOf(answer), { ok: false, failure });
    }));

  it("places the copy of a zonal disk in its zone, whatever nodes there are", () =>
    withSources(async (world) => {
      await world.givenNode("node-a");
      await created(world, { volumeContentSource: ofVolume() });
      assert.equal(world.volume("pvc-1")?.spec.disk.zone, "2");
    }));

  const refused: readonly {
    readonly because: string;
    readonly request: Partial<Request>;
    readonly changes?: Parameters<typeof withSources>[1];
    readonly failure: Partial<Failure>;
  }[] = [
    {
      because: "a snapshot that Azure does not have",
      request: { volumeContentSource: ofSnapshot(aSnapshotUri("other")) },
      failure: { kind: "SnapshotNotFound", snapshotUri: aSnapshotUri("other") },
    },
    {
      because: "a snapshot id that is none",
      request: { volumeContentSource: ofSnapshot(aDiskUri("source")) },
      failure: { kind: "SnapshotNotFound", snapshotUri: aDiskUri("source") },
    },
    {
      because: "a disk that Azure does not have",
      request: { volumeContentSource: ofVolume(aDiskUri("other")) },
      failure: { kind: "VolumeNotFound", volumeId: aDiskUri("other") },
    },
    {
      because: "a volume id that is none",
      request: { volumeContentSource: ofVolume("pvc-2") },
      failure: { kind: "VolumeNotFound", volumeId: "pvc-2" },
    },
    {
      because: "an empty snapshot id",
      request: { volumeContentSource: ofSnapshot("") },
      failure: {
        kind: "InvalidArgument",
        field: "volume_content_source.snapshot.snapshot_id",
        value: "",
        problem: "must be given",
      },
    },
    {
      because: "neither of both",
      request: { volumeContentSource: { type: undefined } },
      failure: {
        kind: "InvalidArgument",
        field: "volume_content_source",
        value: "",
        problem: "must name a snapshot or a volume",
      },
    },
    {
      because: "a snapshot that is not complete",
      request: { volumeContentSource: ofSnapshot() },
      changes: { snapshot: { isRestorable: false } },
      failure: {
        kind: "StillWaiting",
        volumeId: "pvc-1",
        what: `its source ${snapshotUri} to be complete (provisioningState Succeeded)`,
      },
    },
    ...[
      { disk: "larger", sizeGiB: 11, skuName: "PremiumV2_LRS" },
      { disk: "slower", sizeGiB: 10, skuName: "Premium_LRS" },
    ].map(({ disk, sizeGiB, skuName }) => ({
      because: `a ${disk} disk of a snapshot that only instant access makes disks of`,
      request: {
        volumeContentSource: ofSnapshot(),
        capacityRange: { requiredBytes: gibToBytes(sizeGiB), limitBytes: 0n },
        parameters: { skuName },
      },
      changes: { snapshot: { isBeingCopied: true } },
      failure: {
        kind: "StillWaiting" as const,
        volumeId: "pvc-1",
        what:
          `its source ${snapshotUri} to be complete: before, Azure makes only Premium SSD v2 and Ultra ` +
          "disks of 10 GiB of it",
      },
    })),
    ...(["Failed", "Canceled"] as const).map((state) => ({
      because: `a snapshot whose creation has ended ${state}`,
      request: { volumeContentSource: ofSnapshot() },
      changes: { snapshot: { state, isTaken: false, isRestorable: false } },
      failure: {
        kind: "CopySourceFailed" as const,
        sourceUri: snapshotUri,
        detail: `provisioningState ${state}`,
      },
    })),
    {
      because: "a snapshot whose copy from another region has failed",
      request: { volumeContentSource: ofSnapshot() },
      changes: { snapshot: { copyError: "CopySourceNotFound: gone", isTaken: false, isRestorable: false } },
      failure: { kind: "CopySourceFailed", sourceUri: snapshotUri, detail: "CopySourceNotFound: gone" },
    },
    {
      because: "a disk that is a failed copy itself",
      request: { volumeContentSource: ofVolume() },
      changes: { disk: { state: "Failed", completionPercent: 40, sourceUri: aDiskUri("first") } },
      failure: {
        kind: "CopySourceFailed",
        sourceUri: aDiskUri("source"),
        detail: "provisioningState Failed",
      },
    },
    {
      because: "a disk that Azure is still making as a copy",
      request: { volumeContentSource: ofVolume() },
      changes: { disk: { state: "Updating", sourceUri: aDiskUri("first") } },
      failure: {
        kind: "StillWaiting",
        volumeId: "pvc-1",
        what: `its source ${aDiskUri("source")}, whose data Azure still copies (0 %)`,
      },
    },
    {
      because: "a disk that is an unfinished copy itself",
      request: { volumeContentSource: ofVolume() },
      changes: { disk: { completionPercent: 40 } },
      failure: {
        kind: "StillWaiting",
        volumeId: "pvc-1",
        what: `its source ${aDiskUri("source")}, whose data Azure still copies (40 %)`,
      },
    },
    {
      because: "a snapshot of a region without a node",
      request: { volumeContentSource: ofSnapshot() },
      changes: { snapshot: { location: "westeurope" }, nodes: [{ zone: "" }] },
      failure: {
        kind: "InvalidArgument",
        field: "volume_content_source",
        value: snapshotUri,
        problem: "is in westeurope, and Azure copies in a source's own region only: the nodes are in eastus",
      },
    },
    {
      because: "a smaller size than the source's",
      request: {
        volumeContentSource: ofVolume(),
        capacityRange: { requiredBytes: gibToBytes(9), limitBytes: 0n },
      },
      failure: {
        kind: "OutOfRange",
        field: "capacity_range.required_bytes",
        value: String(gibToBytes(9)),
        problem:
          `must be at least ${gibToBytes(10)} bytes (10 GiB), the size of the source ` + aDiskUri("source"),
      },
    },
  ];
  for (const { because, request, changes, failure } of refused)
    it(`refuses ${because}, and makes nothing`, () =>
      withSources(async (world) => {
        assert.deepEqual(await world.answerOf(create(world, request)), { ok: false, failure });
        assert.equal(world.volume("pvc-1"), undefined);
      }, changes));

  for (const [before, now, difference] of [
    [undefined, ofSnapshot(), `its volume_content_source is none, not ${snapshotUri}`],
    [ofSnapshot(), undefined, `its volume_content_source is ${snapshotUri}, not none`],
    [ofSnapshot(), ofVolume(), `its volume_content_source is ${snapshotUri}, not ${aDiskUri("source")}`],
  ] as const)
    it(`finds no volume of another source: ${difference.slice(0, 50)}…`, () =>
      withSources(async (world) => {
        await created(world, { volumeContentSource: before });
        const again = await world.answerOf(create(world, { volumeContentSource: now }));
        assert.deepEqual(again, {
          ok: false,
          failure: { kind: "VolumeExistsWithOtherRequest", volumeName: "pvc-1", difference },
        });
      }));

  it("finds its volume that has grown since, and whose source is gone", () =>
    withSources(async (world) => {
      const request = { volumeContentSource: ofSnapshot(), parameters: { skuName: "Premium_ZRS" } };
      await created(world, request);
      await world.setStatus("pvc-1", ({ status }) => ({
        ...(status ?? assert.fail("no status")),
        detail: aDetail({ sizeGiB: 20 }),
      }));
      const context = { ...world.context, snapshots: createFakeSnapshots() };
      assert.equal((await world.answerOf(create({ ...world, context }, request))).ok, true);
    }));
});
