import { fromTimestamp, toTimestamp } from "../../core/primitives/timestamp.ts";
import type { Kind, KindMap, NewObject } from "../../ports/store/object-store.ts";
import { apiVersionOf } from "../embedded/api-paths.ts";
import type { ApiObject } from "./api/api-object.ts";

/**
 * A Lease's moments as coordination.k8s.io/v1 writes them, to the microsecond: the API server takes no
 * others.
 */
const MILLISECONDS = /\.(\d{3})Z$/u;

interface WireMetadata {
  readonly namespace?: string;
  readonly managedFields?: unknown;
  readonly selfLink?: unknown;
  readonly deletionGracePeriodSeconds?: unknown;
  readonly [field: string]: unknown;
}

/** An object of ours as the API server shows it. */
export interface WireObject extends ApiObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

/**
 * Removes the wire's wrapping from an object, and what only the API server needs. Fields that the
 * driver's types don't know stay: a newer driver's fields, or foreign owner references, must survive a
 * write.
 */
export function objectFromWire<K extends Kind>(kind: K, object: WireObject): KindMap[K] {
  const {
    namespace: _namespace,
    managedFields: _fields,
    selfLink: _link,
    deletionGracePeriodSeconds: _grace,
    ...metadata
  } = object.metadata as WireMetadata;
  const spec = kind === "Lease" ? leaseSpecFromWire(object.spec) : object.spec;
  const ours = {
    // Kubernetes counts no generations of Leases.
    metadata: { generation: 0, ...metadata },
    spec,
    ...(object.status === undefined ? {} : { status: object.status }),
  };
  // The API server checked it against the resource's definition when it was written.
  return ours as unknown as KindMap[K];
}

export function newObjectToWire<K extends Kind>(kind: K, object: NewObject<K>, namespace: string): object {
  return {
    apiVersion: apiVersionOf(kind),
    kind,
    metadata: { ...object.metadata, namespace },
    spec: specToWire(kind, object.spec),
  };
}

/** An object whose metadata and spec are to be replaced: without what only the API server sets. */
export function objectToWire<K extends Kind>(kind: K, object: KindMap[K], namespace: string): object {
  const {
    generation: _generation,
    creationTimestamp: _created,
    deletionTimestamp: _deleted,
    ...metadata
  } = object.metadata;
  return {
    apiVersion: apiVersionOf(kind),
    kind,
    metadata: { ...metadata, namespace },
    spec: specToWire(kind, object.spec),
  };
}

/** An object whose status is to be replaced. */
export function statusToWire<K extends Kind>(kind: K, object: KindMap[K], namespace: string): object {
  const { name, uid, resourceVersion } = object.metadata;
  return {
    apiVersion: apiVersionOf(kind),
    kind,
    metadata: { name, namespace, uid, resourceVersion },
    spec: object.spec,
    status: object.status,
  };
}

function specToWire(kind: Kind, spec: KindMap[Kind]["spec"]): object {
  if (kind !== "Lease") return spec;
  const lease = spec as KindMap["Lease"]["spec"];
  return {
    ...lease,
    renewTime: toTimestamp(fromTimestamp(lease.renewTime)).replace(MILLISECONDS, ".$1000Z"),
  };
}

/**
 * All of a Lease's fields are optional there: one that another client created, or that was released,
 * may lack some.
 */
function leaseSpecFromWire(spec: unknown): object {
  const { renewTime, ...lease } = (spec ?? {}) as { readonly renewTime?: string };
  return {
    holderIdentity: "",
    leaseDurationSeconds: 1,
    leaseTransitions: 0,
    ...lease,
    renewTime: renewTime === undefined ? toTimestamp(0) : toTimestamp(fromTimestamp(renewTime)),
  };
}
