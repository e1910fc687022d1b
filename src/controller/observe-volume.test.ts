import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { attachmentObjectName } from "../core/api/object-names.ts";
import { aPlacement } from "../core/schedule/testing/placement.ts";
import {
  aDetail,
  agoMs,
  anAttachment,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
  aPod,
} from "../core/testing/objects.ts";
import { observeNodes, observeVolume } from "./observe-volume.ts";
import { withControllerPorts } from "./testing/a-controller.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";

const error = {
  kind: "NoFreeLun",
  message: "node-a has no slot left",
  failure: "{}",
  time: "2026-01-01T00:00:00Z",
  retries: 1,
};

describe("observeVolume", () => {
  const requested = anAttachment("node-a");
  for (const { because, attachment, hasUser } of [
    {
      because: "a CSI client has published it there",
      attachment: anAttachment("node-a", { spec: { published: true } }),
      hasUser: true,
    },
    {
      because: "only a request is there, which a node's token may state",
      attachment: requested,
      hasUser: false,
    },
    {
      because: "it is a replica by now",
      attachment: aReplica("node-a", { spec: { published: true } }),
      hasUser: false,
    },
  ]) {
    it(`sees ${hasUser ? "a" : "no"} user on a node where ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolume());
        await world.given("AzVolumeAttachment", attachment);
        const clusterVolumes = {
          ...world.ports.clusterVolumes,
          knowsAttachments: true,
          attachmentOn: () => undefined,
        };
        assert.equal(
          observeVolume({ ...world.ports, attach: "kubernetes", clusterVolumes }, "pvc-1")?.hasUser("node-a"),
          hasUser,
        );
      }));
  }
});

describe("observeVolume of pods", () => {
  const pod = aPod({ nodeName: "node-a", isPending: false });
  for (const { what, spec, pods } of [
    { what: "sees those of a volume that is being rebuilt", spec: { diskUri }, pods: [pod] },
    { what: "sees none of a volume that has no disk yet", spec: {}, pods: [] },
  ])
    it(what, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolume({ spec, status: { state: "Pending", detail: undefined } }));
        const users = {
          ...world.ports.users,
          cachedPods: (volumeId: string) => (volumeId === diskUri ? [pod] : []),
        };
        assert.deepEqual(observeVolume({ ...world.ports, users }, "pvc-1")?.pods(), pods);
      }),
    );
});

describe("observeVolume of the pods on a node", () => {
  it("asks for them once for a plan", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      const asked: unknown[] = [];
      const users: typeof world.ports.users = {
        ...world.ports.users,
        cachedPlacement: (_, nodeName) => {
          asked.push(nodeName);
          return aPlacement();
        },
      };
      const observed = observeVolume({ ...world.ports, users }, "pvc-1");
      assert.equal(observed?.placementOn("node-b"), observed?.placementOn("node-b"));
      assert.equal(observed?.placementOn("node-c").pods.length, 1);
      assert.deepEqual(asked, ["node-b", "node-c"]);
    }));
});

describe("observeVolume of the pods' other volumes", () => {
  it("counts no node on which every try to attach them failed", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      const otherUri = diskUri.replace("pvc-1", "pvc-2");
      await world.given(
        "AzVolume",
        aVolume({ metadata: { name: "pvc-2" }, status: { detail: aDetail({ diskUri: otherUri }) } }),
      );
      const failedAfter = (retries: number) =>
        ({
          state: "AttachmentFailed",
          error: { kind: "CloudRejected", message: "", failure: "{}", time: agoMs(0), retries },
        }) as const;
      for (const [nodeName, status] of [
        ["node-b", failedAfter(3)],
        ["node-c", failedAfter(2)],
        ["node-d", { state: "Attached" }],
      ] as const)
        await world.given(
          "AzVolumeAttachment",
          aReplica(nodeName, {
            metadata: { name: attachmentObjectName({ diskUri: otherUri, nodeName }) },
            spec: { volumeName: "pvc-2", volumeId: otherUri },
            status,
          }),
        );
      const users = { ...world.ports.users, cachedCompanions: () => [otherUri] };
      assert.deepEqual(
        [
          ...(observeVolume({ ...world.ports, users }, "pvc-1")
            ?.companionCounts()
            .keys() ?? []),
        ].toSorted(),
        ["node-c", "node-d"],
      );
    }));
});

describe("observeVolume of all nodes", () => {
  it("judges them once for a plan", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolume());
      await world.given("AzDriverNode", aDriverNode("node-a"));
      let lists = 0;
      const cache: typeof world.ports.cache = {
        ...world.ports.cache,
        list: (kind) => {
          if (kind === "AzDriverNode") lists++;
          return world.ports.cache.list(kind);
        },
      };
      const observed = observeVolume({ ...world.ports, cache }, "pvc-1");
      assert.deepEqual(observed?.nodes(), observeNodes(world.ports));
      assert.equal(observed?.nodes(), observed?.nodes());
      assert.equal(lists, 1);
    }));
});

describe("observeVolume of a node without AzDriverNode", () => {
  it("shows what the orchestrator shows of it", () =>
    withControllerPorts(async (world) => {
      world.outOfService.add("node-a");
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      const observed = observeVolume(world.ports, "pvc-1");
      assert.deepEqual(
        ["node-a", "node-b"].map((nodeName) => observed?.orchestratorNode(nodeName).isOutOfService),
        [true, false],
      );
      assert.equal(observed?.node("node-a"), undefined);
    }));
});

describe("observeNodes", () => {
  it("looks through the volumes of a node only where its quarantine matters", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ quarantined: [identity("node-a")] }));
      let looks = 0;
      const cache: typeof world.ports.cache = {
        ...world.ports.cache,
        byIndex: (kind, index, value) => {
          looks += index === "recordedOn" ? 1 : 0;
          return world.ports.cache.byIndex(kind, index, value);
        },
      };
      const [node] = observeNodes({ ...world.ports, cache });
      assert.deepEqual([node?.nodeName, looks], ["node-a", 0]);
      assert.deepEqual([node?.isQuarantined, looks], [true, 1]);
    }));

  it("ignores a node whose AzDriverNode reports another VM than its Node", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a", { instanceUri: instanceUriOf("node-x") }));
      await world.given("AzDriverNode", aDriverNode("node-b"));
      assert.deepEqual(
        observeNodes(world.ports).map(({ nodeName, instanceUri }) => [nodeName, instanceUri]),
        [["node-b", instanceUriOf("node-b")]],
      );
    }));

  for (const { because, attachment, isShort } of [
    {
      because: "a volume that is requested there was refused",
      attachment: anAttachment("node-a", { status: { state: "AttachmentFailed", error } }),
      isShort: true,
    },
    {
      because: "it is being retried",
      attachment: anAttachment("node-a", { status: { state: "Attaching", error } }),
      isShort: true,
    },
    { because: "it got its slot", attachment: anAttachment("node-a"), isShort: false },
    {
      because: "only a replica was refused",
      attachment: aReplica("node-a", { status: { state: "AttachmentFailed", error } }),
      isShort: false,
    },
  ]) {
    it(`sees a node ${isShort ? "short of slots" : "with room"} where ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolumeAttachment", attachment);
        assert.deepEqual(
          observeNodes(world.ports).map(({ nodeName, isShortOfSlots }) => [nodeName, isShortOfSlots]),
          [["node-a", isShort]],
        );
      }));
  }
});
