import type { Failure } from "../core/failure.ts";
import { fail, type Result } from "../core/result.ts";
import type { CloudProvisioner, MayProceed } from "../ports/cloud-provisioner.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { ControllerPorts } from "./controller-ports.ts";

/**
 * The same ports, but for those of a leader: they write and ask for changes only while it leads. A process that stood still for a while is told by its own clock, before
 * any timer or message tells it, that its time is over; what it was about to do is `Cancelled`.
 */
export function whileLeading(ports: ControllerPorts, isLeading: () => boolean): ControllerPorts {
  return { ...ports, store: leadersStore(ports.store, isLeading), cloud: leadersCloud(ports.cloud, isLeading) };
}

const notLeading: Failure = { kind: "Cancelled" };

function leadersStore(store: ObjectStore, isLeading: () => boolean): ObjectStore {
  const leading = async <T>(write: () => Promise<Result<T, Failure>>): Promise<Result<T, Failure>> => (isLeading() ? write() : fail(notLeading));
  return {
    get: (kind, name, signal) => store.get(kind, name, signal),
    list: (kind, selector, signal) => store.list(kind, selector, signal),
    watch: (kind, selector, resourceVersion, signal) => store.watch(kind, selector, resourceVersion, signal),
    create: (kind, object, signal) => leading(() => store.create(kind, object, signal)),
    update: (kind, object, signal) => leading(() => store.update(kind, object, signal)),
    updateStatus: (kind, object, signal) => leading(() => store.updateStatus(kind, object, signal)),
    delete: (kind, name, preconditions, signal) => leading(() => store.delete(kind, name, preconditions, signal)),
  };
}

/** What is asked in between, too: a request may have waited in a queue since it was made. */
function leadersCloud(cloud: CloudProvisioner, isLeading: () => boolean): CloudProvisioner {
  const leading = async <T>(change: () => Promise<Result<T, Failure>>): Promise<Result<T, Failure>> => (isLeading() ? change() : fail(notLeading));
  const asking = <R extends { readonly mayProceed: MayProceed }>(request: R): R => ({
    ...request,
    mayProceed: async (signal: AbortSignal) => isLeading() && (await request.mayProceed(signal)) && isLeading(),
  });
  return {
    createDisk: (request, signal) => leading(() => cloud.createDisk(request, signal)),
    deleteDisk: (request, signal) => leading(() => cloud.deleteDisk(request, signal)),
    resizeDisk: (request, signal) => leading(() => cloud.resizeDisk(request, signal)),
    attachDisk: (request, signal) => leading(() => cloud.attachDisk(asking(request), signal)),
    detachDisk: (request, signal) => leading(() => cloud.detachDisk(asking(request), signal)),
    fenceDisk: (request, signal) => leading(() => cloud.fenceDisk(asking(request), signal)),
    getDisk: (request, signal) => cloud.getDisk(request, signal),
    listDisks: (request, signal) => cloud.listDisks(request, signal),
    inspectInstance: (request, signal) => cloud.inspectInstance(request, signal),
    nodeNameOf: (instanceUri) => cloud.nodeNameOf(instanceUri),
  };
}
