import {
  COUNTER_ANNOTATION,
  type Lease,
  STORE_INCARNATION_ANNOTATION,
  REBUILD_ANNOTATION,
} from "../api/lease.ts";

/** A Lease that `a` holds in its third term. */
export function aLease(shown: {
  readonly counter?: number;
  readonly incarnation?: number;
  readonly mark?: number;
  readonly spec?: Partial<Lease["spec"]>;
}): Lease {
  const { counter = 1, incarnation = 0, mark = 0, spec = {} } = shown;
  const annotations = {
    [COUNTER_ANNOTATION]: String(counter),
    [STORE_INCARNATION_ANNOTATION]: String(incarnation),
    [REBUILD_ANNOTATION]: String(mark),
  };
  return {
    metadata: {
      name: "lease",
      uid: "uid-1",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "2025-12-31T00:00:00.000Z",
      annotations,
    },
    spec: {
      holderIdentity: "a",
      leaseDurationSeconds: 15,
      renewTime: "2025-12-31T23:59:58.000Z",
      leaseTransitions: 3,
      ...spec,
    },
  };
}
