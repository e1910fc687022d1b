import { labelFirst } from "../../src/controller/label-first.ts";
import { labelNodes } from "../../src/controller/writer/label-nodes.ts";
import type { AzVolume, WriterRecord } from "../../src/core/api/az-volume.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { formatDiskUri } from "../../src/core/azure/ids/disk-uri.ts";
import { describeFailure } from "../../src/core/failure/describe-failure.ts";
import { type Result } from "../../src/core/failure/result.ts";
import {
  acquire,
  grant,
  newRecord,
  release,
  revoke,
  withdraw,
  type Step,
} from "../../src/core/writer/record/writer-steps.ts";
import { noSteps } from "../../src/csi/testing/no-steps.ts";
import { updateRecord } from "../../src/objects/update-record.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";

const NAME = "pvc-00000001-4c1f-9a70-0d9c5c1c1a11";
const SUBSCRIPTION = "00000000-0000-0000-0000-000000000001";
const RESOURCE_GROUP = "mc_cluster_eastus";
const TIME = "2026-01-01T00:00:00.000Z";
const never = new AbortController().signal;

/** A volume that moves between nodes by the steps of the writer record that ship. */
export interface MovedVolume {
  /** Its present version. */
  readonly version: () => string;
  /** Moves it in good order; its writes to the AzVolume, labels among them. */
  readonly move: (from: NodeIdentity | undefined, to: NodeIdentity) => Promise<number>;
}

/** The identity of a node of the cluster. */
export function nodeOf(index: number): NodeIdentity {
  const nodeName = `aks-pool-12345678-vmss${String(index).padStart(6, "0")}`;
  const compute = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.Compute`;
  const digits = String(index).padStart(12, "0");
  return {
    nodeName,
    vmId: `00000000-0000-0000-0000-${digits}`,
    instanceUri: `${compute}/virtualMachineScaleSets/aks-pool-vmss/virtualMachines/${index}`,
    nodeUid: `00000000-0000-0000-0001-${digits}`,
  };
}

/** Creates the AzVolume of a disk that three nodes may share, as a controller has it after some failovers. */
export async function createMovedVolume(store: ObjectStore): Promise<MovedVolume> {
  let writes = 0;
  const counted: ObjectStore = {
    ...store,
    update: (...call) => {
      writes += 1;
      return store.update(...call);
    },
    updateStatus: (...call) => {
      writes += 1;
      return store.updateStatus(...call);
    },
  };
  const ports = { store: labelFirst(counted, noSteps), steps: noSteps };
  const created = answered(
    await store.create(
      "AzVolume",
      { metadata: { name: NAME, finalizers: ["disk.csi.azure.com/azvolume"] }, spec },
      never,
    ),
  );
  let present: AzVolume = answered(await store.updateStatus("AzVolume", { ...created, status }, never));

  const step = async (
    name: "withdraw" | "release" | "revoke" | "grant" | "acquire",
    nodeName: string,
    change: (record: WriterRecord) => Step,
  ): Promise<void> => {
    present = answered(await updateRecord(ports, { volumeName: NAME, nodeName, step: name }, change, never));
  };
  return {
    version: () => present.metadata.resourceVersion,
    move: async (from, to) => {
      writes = 0;
      if (from !== undefined) {
        await step("withdraw", from.nodeName, (record) => withdraw(record, from));
        await step("release", from.nodeName, (record) => release(record, from, record.epoch));
        await step("revoke", from.nodeName, revoke);
      }
      await step("grant", to.nodeName, (record) => grant(record, to));
      await step("acquire", to.nodeName, (record) =>
        acquire(record, to, { isClean: true, storeIncarnation: 0 }),
      );
      // As the leader's next pass over the volume.
      const cache = { get: () => present } as unknown as Parameters<typeof labelNodes>[0]["cache"];
      answered(await labelNodes({ ...ports, cache }, { volume: present, attachments: [] }, never));
      present = answered(await store.get("AzVolume", NAME, never));
      return writes;
    },
  };
}

const spec: AzVolume["spec"] = {
  volumeName: NAME,
  capabilities: [{ accessType: "mount", accessMode: "SINGLE_NODE_MULTI_WRITER", fsType: "ext4" }],
  disk: {
    skuName: "Premium_LRS",
    sizeGiB: 1024,
    maxShares: 3,
    location: "eastus",
    zone: "1",
    tags: {
      "kubernetes.io-created-for-pv-name": NAME,
      "kubernetes.io-created-for-pvc-name": "data-postgres-0",
      "kubernetes.io-created-for-pvc-namespace": "postgres",
    },
  },
  cachingMode: "None",
  maxMountReplicaCount: 2,
  volumeContext: { skuName: "Premium_LRS", maxShares: "3", cachingMode: "None" },
  deleteRequested: false,
};

const status: NonNullable<AzVolume["status"]> = {
  state: "Created",
  observedGeneration: 1,
  detail: {
    diskUri: formatDiskUri({ subscriptionId: SUBSCRIPTION, resourceGroup: RESOURCE_GROUP, diskName: NAME }),
    sizeGiB: 1024,
    maxShares: 3,
    skuName: "Premium_LRS",
    location: "eastus",
    zones: ["1"],
    formatted: {
      fsType: "ext4",
      nodeName: nodeOf(0).nodeName,
      time: TIME,
      uuid: "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
    },
  },
  record: newRecord(0),
  conditions: [
    {
      type: "FailoverReady",
      status: "True",
      reason: "ReplicasAttached",
      message: "2 of 2 replicas are attached",
      lastTransitionTime: TIME,
    },
  ],
};

function answered<T>(answer: Result<T>): T {
  if (!answer.ok) throw new Error(describeFailure(answer.failure));
  return answer.value;
}
