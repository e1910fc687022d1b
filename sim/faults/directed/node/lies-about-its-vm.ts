import type { AzDriverNode } from "../../../../src/core/api/az-driver-node.ts";
import type { NodeIdentity } from "../../../../src/core/api/identity/node-identity.ts";
import { storeIncarnationOf } from "../../../../src/core/api/lease.ts";
import { toTimestamp } from "../../../../src/core/primitives/timestamp.ts";
import {
  reportOf,
  STORE_ROLLED_BACK,
  rolledBackReason,
} from "../../../../src/core/rollback/rollback-reports.ts";
import { findVm } from "../../../../src/emulator/model/world.ts";
import type { ObjectStore } from "../../../../src/ports/store/object-store.ts";
import { BYSTANDER } from "../../../azure/strangers.ts";
import type { SimWorld } from "../../../world.ts";

/** How long one lie stands before the next, in milliseconds: the controllers have read it by then. */
const LIE_MS = 8_000;
const never = new AbortController().signal;

/** What the holder of the token has. */
interface Liar {
  readonly world: SimWorld;
  readonly store: ObjectStore;
  readonly nodeName: string;
}

/**
 * Reports in its AzDriverNode as its VM one that is not a node, then those of other nodes, then its own
 * under another GUID. If a record names it for a VM that is not its own, it reports clean there: this
 * would give access to a disk that others use. After each rebuild of all records, it reports a rollback.
 */
export async function liesAboutItsVm({ world, store, nodeName }: Liar): Promise<void> {
  const own = world.store.objects("AzDriverNode").find(({ metadata }) => metadata.name === nodeName);
  if (own?.status === undefined) return;
  const lies = liesOf(world, nodeName);
  const lie = lies[Math.floor(world.clock.elapsedMs() / LIE_MS) % lies.length];
  if (lie !== undefined)
    await store.updateStatus(
      "AzDriverNode",
      { ...own, status: { ...own.status, ...lie, conditions: reporting(world, own) } },
      never,
    );
  for (const volume of world.store.objects("AzVolume")) {
    const record = volume.status?.record;
    if (volume.status === undefined || record === undefined) continue;
    const nodes = record.nodes.filter(
      (node) =>
        node.access !== "unverified" ||
        node.nodeName !== nodeName ||
        node.instanceUri === world.azure.instanceUriOf(nodeName),
    );
    if (nodes.length === record.nodes.length) continue;
    await store.updateStatus(
      "AzVolume",
      { ...volume, status: { ...volume.status, record: { ...record, nodes } } },
      never,
    );
  }
}

function reporting(
  world: SimWorld,
  { metadata, status }: AzDriverNode,
): NonNullable<AzDriverNode["status"]>["conditions"] {
  const lease = world.store.objects("Lease")[0];
  const others = (status?.conditions ?? []).filter(({ type }) => type !== STORE_ROLLED_BACK);
  if (lease === undefined) return others;
  const incarnation = storeIncarnationOf(lease);
  // Two tokens that agree are believed each time.
  if (
    world.store
      .objects("AzDriverNode")
      .some((node) => node.metadata.name !== metadata.name && reportOf(node, incarnation) !== undefined)
  )
    return others;
  const reason = rolledBackReason(incarnation);
  return [
    ...others,
    {
      type: STORE_ROLLED_BACK,
      status: "True",
      reason,
      message: "a lie",
      lastTransitionTime: toTimestamp(world.clock.nowMs()),
    },
  ];
}

function liesOf(world: SimWorld, nodeName: string): readonly Pick<NodeIdentity, "vmId" | "instanceUri">[] {
  const others = world.cluster.nodes().map(({ name }) => name);
  const vms = [BYSTANDER, ...others.filter((name) => name !== nodeName)].flatMap((name) => {
    const instanceUri = world.azure.instanceUriOf(name);
    const vm = findVm(world.azure.model.world, instanceUri);
    return vm === undefined ? [] : [{ vmId: vm.vmGuid, instanceUri }];
  });
  return [
    ...vms,
    { vmId: "00000000-0000-0000-0000-00000000dead", instanceUri: world.azure.instanceUriOf(nodeName) },
  ];
}
