import type { Failure } from "../core/failure.ts";
import { annotatedNumber, CONTROLLER_LEASE, COUNTER_ANNOTATION, type Lease, STORE_GENERATION_ANNOTATION, SWEEP_ANNOTATION } from "../core/model/lease.ts";
import { ok, type Result } from "../core/result.ts";
import { toTimestamp } from "../core/timestamp.ts";
import type { Reconciled, Reconciler } from "./control-loop.ts";
import type { ControllerPorts } from "./controller-ports.ts";

const RENEW_MS = 5_000;
const LEASE_SECONDS = 15;

/**
 * Renews the controller's Lease and raises its counter. A counter below the one that this process wrote last means that the store went back to a
 * backup: the sweep begins at once. (Who may lead when several controllers run is settled where they can: by Kubernetes' leader election.)
 */
export function leaseReconciler(ports: ControllerPorts, onStoreWentBack: () => void): Reconciler {
  const identity = ports.random.uuid();
  return {
    name: "lease",
    workers: 1,
    backoff: { baseMs: 200, maxMs: RENEW_MS },
    reconcile: async (_key, signal): Promise<Reconciled> => {
      const read = await ports.store.get("Lease", CONTROLLER_LEASE, signal);
      if (!read.ok && read.failure.kind !== "ObjectNotFound") return read;
      const written = read.ok
        ? await renew(ports, read.value, { identity, counterWritten: ports.leaseMemory.counter }, signal)
        : await create(ports, identity, signal);
      if (!written.ok) return written;
      ports.leaseMemory.wrote(annotatedNumber(written.value, COUNTER_ANNOTATION));
      if (annotatedNumber(written.value, SWEEP_ANNOTATION) > 0) onStoreWentBack();
      return ok({ againAfterMs: RENEW_MS });
    },
  };
}

function renew(
  ports: ControllerPorts,
  lease: Lease,
  own: { readonly identity: string; readonly counterWritten: number },
  signal: AbortSignal,
): Promise<Result<Lease, Failure>> {
  const counter = annotatedNumber(lease, COUNTER_ANNOTATION);
  const wentBack = counter < own.counterWritten;
  if (wentBack) ports.logger.error("the object store went back", { counter, counterWritten: own.counterWritten });
  const annotations = {
    ...lease.metadata.annotations,
    [COUNTER_ANNOTATION]: String(Math.max(counter, own.counterWritten) + 1),
    ...(wentBack && annotatedNumber(lease, SWEEP_ANNOTATION) === 0
      ? { [SWEEP_ANNOTATION]: String(annotatedNumber(lease, STORE_GENERATION_ANNOTATION) + 1) }
      : {}),
  };
  const transitions = lease.spec.holderIdentity === own.identity ? lease.spec.leaseTransitions : lease.spec.leaseTransitions + 1;
  const spec = {
    holderIdentity: own.identity,
    leaseDurationSeconds: LEASE_SECONDS,
    renewTime: toTimestamp(ports.clock.nowMs()),
    leaseTransitions: transitions,
  };
  return ports.store.update("Lease", { ...lease, metadata: { ...lease.metadata, annotations }, spec }, signal);
}

function create(ports: ControllerPorts, identity: string, signal: AbortSignal): Promise<Result<Lease, Failure>> {
  return ports.store.create(
    "Lease",
    {
      metadata: { name: CONTROLLER_LEASE, annotations: { [COUNTER_ANNOTATION]: "1", [STORE_GENERATION_ANNOTATION]: "0" } },
      spec: { holderIdentity: identity, leaseDurationSeconds: LEASE_SECONDS, renewTime: toTimestamp(ports.clock.nowMs()), leaseTransitions: 0 },
    },
    signal,
  );
}
