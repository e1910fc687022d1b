import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aClusterAttachment } from "../../../controller/testing/a-cluster.ts";
import { aDriverNode } from "../../../controller/testing/a-driver-node.ts";
import { anInstance } from "../../../controller/testing/an-instance.ts";
import { attachmentObjectName } from "../../../core/api/object-names.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { identity, instanceUriOf } from "../../../core/testing/objects.ts";
import type { CloudProvisioner, InstanceFacts } from "../../../ports/cloud/cloud-provisioner.ts";
import type { NodePresence } from "../../../ports/cluster/cluster-volumes.ts";
import { aCall } from "../../testing/a-call.ts";
import { type ControllerWorld, withController } from "../../testing/a-controller.ts";
import { aDiskUri, anAttachmentObject, aRecord, aVolumeObject } from "../../testing/objects.ts";
import { controllerUnpublishVolume } from "./controller-unpublish-volume.ts";

type Inspect = CloudProvisioner["inspectInstance"];

const volumeId = aDiskUri();
const denied: Failure = {
  kind: "CloudUnauthorized",
  code: "AuthorizationFailed",
  message: "may not perform action 'Microsoft.Compute/disks/read' over scope '/s'",
  requestId: "r-1",
};
const otherSubscription: Failure = {
  kind: "InvalidArgument",
  field: "diskUri",
  value: volumeId,
  problem: "is in subscription sub-2",
};
const noGroup: Failure = {
  kind: "CloudRejected",
  code: "ResourceGroupNotFound",
  message: "Resource group 'rg-1' could not be found.",
  requestId: "r-1",
};
const outage: Failure = { kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "r-1" };

/** The VM of node-a, with these disks. */
const withDisks =
  (...dataDisks: InstanceFacts["dataDisks"]): Inspect =>
  async ({ nodeName, instanceUri }) =>
    ok(anInstance(nodeName, { instanceUri, dataDisks }));
const goneVm: Inspect = async ({ nodeName }) => fail({ kind: "InstanceNotFound", nodeName });
const other = { diskUri: aDiskUri("other"), lun: 0, beingDetached: false };

interface Row {
  readonly because: string;
  /** Why the disk can't be read. Default: `denied`. */
  readonly unreadable?: Failure;
  /** Default: has another disk. */
  readonly vm?: Inspect;
  readonly nodeId?: string;
  readonly given?: (world: ControllerWorld) => Promise<void>;
  /** Whether Kubernetes has the volume attached to the node. Default: it does not say so. */
  readonly isAttached?: boolean;
  /** Whether there is a Node, past the cache. Default: that is not known. */
  readonly presence?: NodePresence;
  /** Undefined: unpublished. */
  readonly failure: Failure | undefined;
}

const rows: readonly Row[] = [
  { because: "its VM does not list it", failure: undefined },
  { because: "it is of another subscription", unreadable: otherSubscription, failure: undefined },
  { because: "its resource group does not exist", unreadable: noGroup, failure: undefined },
  { because: "its VM is gone", vm: goneVm, failure: undefined },
  {
    because: "its VM lists it in another case",
    vm: withDisks({ diskUri: volumeId.toUpperCase(), lun: 1, beingDetached: false }),
    failure: denied,
  },
  {
    because: "its VM lists it while it is being detached",
    vm: withDisks({ diskUri: volumeId, lun: 1, beingDetached: true }),
    failure: denied,
  },
  { because: "its VM can't be read", vm: async () => fail(outage), failure: outage },
  { because: "the call names no node", nodeId: "", failure: denied },
  { because: "no object shows the node's VM", nodeId: "node-b", failure: denied },
  {
    because: "no object shows the VM of a node that is gone, and it was never attached there",
    nodeId: "node-b",
    isAttached: false,
    presence: "gone",
    failure: undefined,
  },
  {
    because: "the same, and it was attached there",
    nodeId: "node-b",
    isAttached: true,
    presence: "gone",
    failure: denied,
  },
  {
    because: "nothing says that it was not attached there",
    nodeId: "node-b",
    presence: "gone",
    failure: denied,
  },
  {
    because: "no object shows the VM of a node that exists",
    nodeId: "node-b",
    isAttached: false,
    presence: "present",
    failure: denied,
  },
  {
    because: "it is not known whether the node exists",
    nodeId: "node-b",
    isAttached: false,
    failure: denied,
  },
  {
    because: "only the store shows the node's AzDriverNode",
    nodeId: "node-c",
    isAttached: false,
    presence: "gone",
    failure: denied,
  },
  {
    because: "it was never attached to a node that is gone, and an attachment names it",
    nodeId: "node-b",
    isAttached: false,
    presence: "gone",
    given: (world) => world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-b" })),
    failure: denied,
  },
  {
    because: "no object shows the node's VM, and the disk's resource group does not exist",
    nodeId: "node-b",
    unreadable: noGroup,
    failure: undefined,
  },
  {
    because: "the same, and an attachment names it",
    nodeId: "node-b",
    unreadable: noGroup,
    given: (world) => world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-b" })),
    failure: noGroup,
  },
  {
    because: "an attachment names it",
    given: (world) => world.given("AzVolumeAttachment", anAttachmentObject({ nodeName: "node-a" })),
    failure: denied,
  },
  {
    because: "it has an AzVolume that waits for it",
    given: async (world) => {
      await world.given("AzVolume", aVolumeObject({ spec: { diskUri: volumeId }, detail: undefined }));
      await world.failed("pvc-1", "CreationFailed", { kind: "DiskNotFound", diskUri: volumeId });
    },
    failure: denied,
  },
  { because: "Azure can't be reached", unreadable: outage, failure: outage },
];

describe("unpublishing a disk that can't be read", () => {
  for (const { because, unreadable = denied, vm = withDisks(other), nodeId, given, failure, ...told } of rows)
    it(`${failure === undefined ? "succeeds" : "fails"} where ${because}`, () =>
      withController(async (world) => {
        await world.givenNode("node-a");
        await given?.(world);
        const { isAttached, presence = "unknown" } = told;
        const clusterVolumes = {
          ...world.context.clusterVolumes,
          attachmentOn: (id: string, nodeName: string) =>
            isAttached === undefined
              ? undefined
              : aClusterAttachment(nodeName, { volumeId: id, isAttached, isTerminating: true }),
          nodePresence: async () => presence,
        };
        // A node that no cache shows yet.
        const late = { ...aDriverNode("node-c"), kind: "AzDriverNode" };
        const store: typeof world.store = {
          ...world.store,
          get: async (kind, name, signal) =>
            name === "node-c" ? (ok(late) as never) : world.store.get(kind, name, signal),
        };
        const cloud = { getDisk: async () => fail(unreadable) };
        const request = { volumeId, nodeId: nodeId ?? "node-a", secrets: {} };
        const answer = await world.answerOf(
          controllerUnpublishVolume(
            { ...world.context, store, cloud, clusterVolumes, inspectInstance: vm },
            request,
            aCall(),
          ),
        );
        assert.deepEqual(answer, failure === undefined ? ok({}) : fail(failure));
      }));

  it("looks at the Node's VM as well as at that of its plug-in", () =>
    withController(async (world) => {
      await world.givenNode("node-a");
      const looked: string[] = [];
      world.node = { ...world.node, instanceUri: instanceUriOf("node-a-2") };
      const inspectInstance: Inspect = (request, signal) => {
        looked.push(request.instanceUri);
        return withDisks()(request, signal);
      };
      const cloud = { getDisk: async () => fail(denied) };
      const request = { volumeId, nodeId: "node-a", secrets: {} };
      const answer = await world.answerOf(
        controllerUnpublishVolume({ ...world.context, cloud, inspectInstance }, request, aCall()),
      );
      assert.deepEqual([answer, looked], [ok({}), [instanceUriOf("node-a-2"), instanceUriOf("node-a")]]);
    }));

  it("looks at each earlier VM of the node's name that objects of other volumes name", () =>
    withController(async (world) => {
      await world.givenNode("node-a");
      const fenced = { ...identity("node-a"), vmId: "vm-older", instanceUri: instanceUriOf("node-a-old") };
      await world.given("AzVolume", aVolumeObject({ name: "pvc-2" }));
      await world.setStatus("pvc-2", (volume) => ({
        state: "Created",
        observedGeneration: volume.metadata.generation,
        conditions: [],
        record: aRecord({ quarantined: [fenced, identity("node-b")] }),
      }));
      const diskUri = aDiskUri("pvc-3");
      const attached = anAttachmentObject({ volumeName: "pvc-3", volumeId: diskUri });
      const name = attachmentObjectName({ diskUri, nodeName: "node-a" });
      await world.given("AzVolumeAttachment", {
        ...attached,
        metadata: { ...attached.metadata, name },
        status: { state: "Attached", role: "Replica", instanceUri: instanceUriOf("node-a-3") },
      });
      const earlier: string[] = [];
      const inspectInstance: Inspect = (request, signal) => {
        earlier.push(request.instanceUri);
        const hasIt = request.instanceUri === instanceUriOf("node-a-old");
        return hasIt
          ? withDisks({ diskUri: volumeId, lun: 1, beingDetached: false })(request, signal)
          : withDisks(other)(request, signal);
      };
      const cloud = { getDisk: async () => fail(denied) };
      const request = { volumeId, nodeId: "node-a", secrets: {} };
      const answer = await world.answerOf(
        controllerUnpublishVolume({ ...world.context, cloud, inspectInstance }, request, aCall()),
      );
      assert.deepEqual(
        [answer, earlier],
        [fail(denied), ["node-a", "node-a-3", "node-a-old"].map(instanceUriOf)],
      );
    }));
});
