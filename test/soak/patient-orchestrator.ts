import type { Lab } from "../../demo/lab/lab.ts";
import type { Orchestrator } from "../../demo/lab/orchestrator.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import type { ClusterNode } from "../../src/core/api/cluster-node.ts";
import { changeSpec } from "../../src/objects/update-object.ts";

const STATED_MAX_MS = 120_000;

/** An orchestrator that outlives its store: it has its own knowledge of the nodes, and states it again. */
export interface PatientOrchestrator extends Orchestrator {
  /** Restores what a backup of the store has reverted, as what runs on the nodes does in a cluster. */
  stateAgain(): Promise<void>;
}

type Spec = ClusterNode["spec"];

/** Repeats each statement until the store takes it: in a soak the store is killed at any moment. */
export async function patientOrchestrator(
  { store, orchestrator }: Pick<Lab, "store" | "orchestrator">,
  signal: AbortSignal,
): Promise<PatientOrchestrator> {
  const listed = await store.list("ClusterNode", {}, signal);
  if (!listed.ok) throw new Error(`ClusterNodes: ${listed.failure.kind}`);
  const specs = new Map<string, Spec>(listed.value.items.map(({ metadata, spec }) => [metadata.name, spec]));

  async function state(name: string): Promise<void> {
    await waitUntil(`the store to take ClusterNode ${name}`, STATED_MAX_MS, async () => {
      const stated = await changeSpec(
        store,
        { kind: "ClusterNode", name },
        (node) => ({ ...node, spec: specs.get(name) ?? node.spec }),
        signal,
      );
      return stated.ok ? true : undefined;
    });
  }

  async function change(name: string, changed: (spec: Spec) => Partial<Spec>): Promise<void> {
    const spec = specs.get(name);
    if (spec === undefined) throw new Error(`no node ${name}`);
    specs.set(name, { ...spec, ...changed(spec) });
    await state(name);
  }

  const others = (spec: Spec, volumeId: string): Spec["volumeUsers"] =>
    spec.volumeUsers.filter((use) => use.volumeId !== volumeId);
  return {
    ...orchestrator,
    addUser: (name, volumeId, user) =>
      change(name, (spec) => ({ volumeUsers: [...others(spec, volumeId), { volumeId, user }] })),
    removeUser: (name, volumeId) => change(name, (spec) => ({ volumeUsers: others(spec, volumeId) })),
    setOutOfService: (name, outOfService) => change(name, () => ({ outOfService })),
    setUnschedulable: (name, unschedulable) => change(name, () => ({ unschedulable })),
    stateAgain: async () => {
      // At once: until then the store may show a healthy node as out of service.
      await Promise.all([...specs.keys()].map(state));
    },
  };
}
