import { ok } from "../../../src/core/failure/result.ts";
import type {
  ControllerService,
  ControllerServiceCapability_RPC_Type,
  TopologyRequirement,
} from "../../../src/csi/gen/csi/v1/csi.ts";
import type { HandlersOf } from "../../../src/csi/server/unary-handler.ts";
import type { AzureOfV1 } from "./azure-of-v1.ts";

const CAPABILITIES: readonly ControllerServiceCapability_RPC_Type[] = [
  "CREATE_DELETE_VOLUME",
  "PUBLISH_UNPUBLISH_VOLUME",
  "SINGLE_NODE_MULTI_WRITER",
];
const GIB = 1024n ** 3n;
/** The only key in V1's volume context. */
export const ZONE_KEY = "topology.disk.csi.azure.com/zone";
/** V1's creator tag, on every disk. */
const CREATED_BY = { "k8s-azure-created-by": "kubernetes-azure-dd" };
/** How V1 translates parameters of the provisioner. */
const TAGS = new Map([
  ["csi.storage.k8s.io/pv/name", "kubernetes.io-created-for-pv-name"],
  ["csi.storage.k8s.io/pvc/name", "kubernetes.io-created-for-pvc-name"],
  ["csi.storage.k8s.io/pvc/namespace", "kubernetes.io-created-for-pvc-namespace"],
]);

/** V1's controller service, as far as a cluster needs it: what it creates, and how it attaches. */
export function controllerOfV1(azure: AzureOfV1): HandlersOf<typeof ControllerService> {
  return {
    controllerGetCapabilities: async () =>
      ok({
        capabilities: CAPABILITIES.map((type) => ({ type: { $case: "rpc", value: { type } } }) as const),
      }),
    createVolume: async ({ name, parameters, capacityRange, accessibilityRequirements }) => {
      const zone = zoneOf(accessibilityRequirements);
      const sizeGiB = Number(((capacityRange?.requiredBytes ?? GIB) + GIB - 1n) / GIB);
      const volumeId = await azure.createDisk({
        name,
        zone: zone.slice(zone.lastIndexOf("-") + 1),
        skuName: parameters["skuName"] ?? "StandardSSD_LRS",
        sizeGiB,
        maxShares: Number(parameters["maxShares"] ?? 1),
        tags: { ...CREATED_BY, ...tagsOf(parameters) },
      });
      const volumeContext = { ...parameters, requestedsizegib: String(sizeGiB) };
      const accessibleTopology = [{ segments: { [ZONE_KEY]: zone } }];
      return ok({
        volume: {
          volumeId,
          capacityBytes: BigInt(sizeGiB) * GIB,
          volumeContext,
          contentSource: undefined,
          accessibleTopology,
        },
      });
    },
    deleteVolume: async ({ volumeId }) => {
      await azure.deleteDisk(volumeId);
      return ok({});
    },
    controllerPublishVolume: async ({ volumeId, nodeId, volumeContext }) => {
      const lun = await azure.attach(volumeId, nodeId, volumeContext["cachingMode"] ?? "ReadOnly");
      return ok({ publishContext: { LUN: String(lun) } });
    },
    controllerUnpublishVolume: async ({ volumeId, nodeId }) => {
      await azure.detach(volumeId, nodeId);
      return ok({});
    },
  };
}

function zoneOf(requirements: TopologyRequirement | undefined): string {
  const zone = [...(requirements?.preferred ?? []), ...(requirements?.requisite ?? [])]
    .map(({ segments }) => segments[ZONE_KEY])
    .find((each) => each !== undefined);
  if (zone === undefined) throw new Error("the provisioner names no zone");
  return zone;
}

function tagsOf(parameters: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(parameters).flatMap(([name, value]) =>
      TAGS.has(name) ? [[TAGS.get(name) ?? "", value]] : [],
    ),
  );
}
