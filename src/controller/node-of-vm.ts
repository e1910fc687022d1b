import type { AzVolume } from "../core/api/az-volume.ts";
import { isForeign, isSameVmId, type NodeIdentity } from "../core/api/identity/node-identity.ts";
import { isSameResourceUri, resourceUriKey } from "../core/azure/ids/disk-uri.ts";
import { nodesNotOnlyClean } from "../core/writer/record/record-nodes.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/** The node on a VM, and its vmId when a controller last used it; `vmId` undefined: whichever is there. */
interface NodeOfVm {
  readonly nodeName: string;
  readonly vmId?: string;
}

/**
 * The node on the VM with this resource id; undefined for a VM that is no node of this cluster.
 * Determined by the orchestrator's node, an AzDriverNode that is believed (`controller-cache.ts`), or an
 * attachment that a controller has made while one of them said so: its Node may have been deleted since.
 */
export function nodeOfVm(
  { cache, users }: Pick<ControllerPorts, "cache" | "users">,
  instanceUri: string,
): NodeOfVm | undefined {
  const key = resourceUriKey(instanceUri);
  const nodeName =
    users.cachedNodeNameOf(instanceUri) ??
    cache.byIndex("AzDriverNode", "instanceUri", key)[0]?.spec.nodeName;
  if (nodeName !== undefined) return { nodeName };
  const attachment = cache
    .byIndex("AzVolumeAttachment", "instanceUri", key)
    .find(({ spec }) => users.cachedNode(spec.nodeName).instanceUri === undefined);
  return attachment?.status?.vmId === undefined
    ? undefined
    : { nodeName: attachment.spec.nodeName, vmId: attachment.status.vmId };
}

/** An identity with the uid of the orchestrator's node of its name, where that names its VM. */
export function withNodeUid<N extends Pick<NodeIdentity, "nodeName" | "instanceUri">>(
  { users }: Pick<ControllerPorts, "users">,
  node: N,
): N & Pick<NodeIdentity, "nodeUid"> {
  const { instanceUri = "", nodeUid } = users.cachedNode(node.nodeName);
  return nodeUid === undefined || !isSameResourceUri(instanceUri, node.instanceUri)
    ? node
    : { ...node, nodeUid };
}

/** The name of the node on the VM with this resource id; see `nodeOfVm`. */
export function nodeNameOf(
  ports: Pick<ControllerPorts, "cache" | "users">,
  instanceUri: string,
): string | undefined {
  return nodeOfVm(ports, instanceUri)?.nodeName;
}

/**
 * The node whose plug-in reports from this very VM, by an AzDriverNode that is believed. A scale set reuses
 * the ids of its instances: for a while the Node and the AzDriverNode of an earlier instance, under another
 * name, are still there.
 */
export function reporterOn(
  { cache }: Pick<ControllerPorts, "cache">,
  { instanceUri, vmId }: Pick<NodeIdentity, "instanceUri" | "vmId">,
): string | undefined {
  return cache
    .byIndex("AzDriverNode", "instanceUri", resourceUriKey(instanceUri))
    .find(({ status }) => status !== undefined && isSameVmId(status.vmId, vmId))?.spec.nodeName;
}

/**
 * Each name that a node on the VM of `node` may have: its own, that of the orchestrator's node, and those
 * of AzDriverNodes. Empty for a VM that is no node of this cluster. A VM may have a new name while
 * objects and pods of the earlier one still exist.
 */
export function nodeNamesOf(
  { cache, users }: Pick<ControllerPorts, "cache" | "users">,
  node: NodeIdentity,
): readonly string[] {
  const reported = cache
    .byIndex("AzDriverNode", "instanceUri", resourceUriKey(node.instanceUri))
    .map(({ spec }) => spec.nodeName);
  const named = users.cachedNodeNameOf(node.instanceUri);
  const own = isForeign(node) ? [] : [node.nodeName];
  return [...new Set([...own, ...(named === undefined ? [] : [named]), ...reported])];
}

/**
 * The volumes whose records name the VM of a node by its resource id alone, or by another name than that of
 * the node: the entry may be the node's by now.
 */
export function volumesUnderOtherNames(
  { cache, users }: Pick<ControllerPorts, "cache" | "users">,
  nodeName: string,
): readonly AzVolume[] {
  const uris = [
    users.cachedNode(nodeName).instanceUri,
    cache.get("AzDriverNode", nodeName)?.status?.instanceUri,
  ];
  const keys = new Set(uris.flatMap((uri) => (uri === undefined ? [] : resourceUriKey(uri))));
  return [...keys].flatMap((key) =>
    cache
      .byIndex("AzVolume", "recordedOnVm", key)
      .filter(
        ({ status }) =>
          status?.record !== undefined &&
          nodesNotOnlyClean(status.record).some(
            (entry) => entry.nodeName !== nodeName && resourceUriKey(entry.instanceUri) === key,
          ),
      ),
  );
}
