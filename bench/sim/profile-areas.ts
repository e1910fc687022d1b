import { Session } from "node:inspector/promises";

/** An area's share of the processor time. */
export interface AreaShare {
  readonly area: string;
  readonly share: number;
}

/** In microseconds. Samples a millisecond apart would miss short functions. */
const SAMPLING_US = 500;
/** Areas by what a file's path contains; the first match counts. */
const AREAS: readonly (readonly [area: string, path: string])[] = [
  ["simulated Kubernetes", "/sim/kubernetes/"],
  ["machines and Azure around the model", "/sim/azure/"],
  ["checkers and histories", "/sim/checkers/"],
  ["checkers and histories", "/sim/history/"],
  ["processes, trace, agenda", "/sim/"],
  ["Azure's model", "/src/emulator/"],
  ["virtual clock", "/src/adapters/virtual/"],
  ["object store", "/src/adapters/simulated-store/"],
  ["object store", "/src/adapters/object-semantics/"],
  ["object store", "/src/core/api/"],
  ["schema library", "/node_modules/zod/"],
  ["modelled hosts", "/src/adapters/model-host/"],
  ["provisioner", "/src/provisioner/"],
  ["provisioner", "/src/adapters/arm-model/"],
  ["caches and queues", "/src/runtime/"],
  ["controllers", "/src/objects/"],
  ["controllers", "/src/controller/"],
  ["plans and rules", "/src/core/"],
  ["CSI", "/src/csi/"],
  ["node plug-ins", "/src/node/"],
];

/** Runs `work` and measures the share of each area. */
export async function profileAreas(work: () => Promise<void>): Promise<readonly AreaShare[]> {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: SAMPLING_US });
    await session.post("Profiler.start");
    await work();
    const { profile } = await session.post("Profiler.stop");
    const hits = new Map<string, number>();
    for (const { callFrame, hitCount = 0 } of profile.nodes) {
      if (callFrame.functionName === "(idle)") continue;
      const area = areaOf(callFrame.url, callFrame.functionName);
      hits.set(area, (hits.get(area) ?? 0) + hitCount);
    }
    const total = [...hits.values()].reduce((sum, count) => sum + count, 0);
    return [...hits]
      .map(([area, count]) => ({ area, share: count / Math.max(1, total) }))
      .toSorted((left, right) => right.share - left.share);
  } finally {
    session.disconnect();
  }
}

function areaOf(url: string, functionName: string): string {
  if (functionName === "(garbage collector)") return "garbage collection";
  return AREAS.find(([, path]) => url.includes(path))?.[0] ?? "promises, event loop and the rest of Node";
}
