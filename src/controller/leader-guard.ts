import type { Failure } from "../core/failure/failure.ts";
import { fail, type Result } from "../core/failure/result.ts";
import type { CloudProvisioner, MayProceed } from "../ports/cloud/cloud-provisioner.ts";
import type { ClusterVolumes } from "../ports/cluster/cluster-volumes.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/**
 * The same ports for a leader: they write and request changes only while it leads. A process that was
 * paused learns from its own clock, before any timer or message, that its term has ended; its pending
 * change is `Cancelled`.
 */
export function leaderGuard(ports: ControllerPorts, isLeading: () => boolean): ControllerPorts {
  const leading: Leading = async (change) => (isLeading() ? change() : fail({ kind: "Cancelled" }));
  const releaseAttachment: ClusterVolumes["releaseAttachment"] = (name, signal) =>
    leading(() => ports.clusterVolumes.releaseAttachment(name, signal));
  const releaseVolumes: ClusterVolumes["releaseVolumes"] = (signal) =>
    leading(() => ports.clusterVolumes.releaseVolumes(signal));
  return {
    ...ports,
    store: leadersStore(ports.store, leading),
    cloud: leadersCloud(ports.cloud, leading, isLeading),
    clusterVolumes: { ...ports.clusterVolumes, releaseAttachment, releaseVolumes },
  };
}

/** Runs a change only while this process leads. */
type Leading = <T>(change: () => Promise<Result<T, Failure>>) => Promise<Result<T, Failure>>;

function leadersStore(store: ObjectStore, leading: Leading): ObjectStore {
  return {
    get: (kind, name, signal) => store.get(kind, name, signal),
    list: (kind, selector, signal) => store.list(kind, selector, signal),
    watch: (kind, selector, resourceVersion, signal) => store.watch(kind, selector, resourceVersion, signal),
    create: (kind, object, signal) => leading(() => store.create(kind, object, signal)),
    update: (kind, object, signal) => leading(() => store.update(kind, object, signal)),
    updateStatus: (kind, object, signal) => leading(() => store.updateStatus(kind, object, signal)),
    delete: (kind, name, preconditions, signal) =>
      leading(() => store.delete(kind, name, preconditions, signal)),
  };
}

/** Also checked by the precondition: a request may have waited in a queue since it was made. */
function leadersCloud(cloud: CloudProvisioner, leading: Leading, isLeading: () => boolean): CloudProvisioner {
  const asking = <R extends { readonly precondition: MayProceed }>(request: R): R => ({
    ...request,
    precondition: async (signal: AbortSignal) =>
      isLeading() && (await request.precondition(signal)) && isLeading(),
  });
  return {
    createDisk: (request, signal) => leading(() => cloud.createDisk(asking(request), signal)),
    deleteDisk: (request, signal) => leading(() => cloud.deleteDisk(asking(request), signal)),
    resizeDisk: (request, signal) => leading(() => cloud.resizeDisk(asking(request), signal)),
    tagDisk: (request, signal) => leading(() => cloud.tagDisk(asking(request), signal)),
    attachDisk: (request, signal) => leading(() => cloud.attachDisk(asking(request), signal)),
    detachDisk: (request, signal) => leading(() => cloud.detachDisk(asking(request), signal)),
    fenceDisk: (request, signal) => leading(() => cloud.fenceDisk(asking(request), signal)),
    proveDetached: (request, signal) => leading(() => cloud.proveDetached(asking(request), signal)),
    writeBarrier: (request, signal) => leading(() => cloud.writeBarrier(asking(request), signal)),
    getDisk: (request, signal) => cloud.getDisk(request, signal),
    listDisks: (request, signal) => cloud.listDisks(request, signal),
    inspectInstance: (request, signal) => cloud.inspectInstance(request, signal),
    proveVanished: (request, signal) => cloud.proveVanished(request, signal),
  };
}
