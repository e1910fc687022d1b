import { setTimeout as sleep } from "node:timers/promises";
import { type ChartValues, installDriver } from "../../testbed/lab/cluster/install-driver.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { configureKubelets, kubeletFields } from "./configure-kubelets.ts";
import { type BenchVolume, type Move, movePod, type Way } from "./move-pod.ts";
import { summarise, type Summary } from "./summary.ts";
import type { Timeline } from "./timeline.ts";
import { classOf, NAMESPACE, podOf, type Side, SIDES, workloadOf } from "./workload.ts";

/** The parts of the benchmark. Each is measured with every way to move a pod. */
export const PARTS = ["replicas", "plain", "fastTick", "attachByDriver"] as const;

export type Part = (typeof PARTS)[number];

export type Figures = Readonly<Partial<Record<Part, Readonly<Record<Way, Summary>>>>>;

/** A run of the benchmark. */
export interface Run {
  readonly lab: Lab;
  readonly timeline: Timeline;
  readonly rounds: number;
  /** Receives progress, for people to read. */
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The state of the cluster while some parts are measured. */
interface Situation {
  /** Measured by turns, so that each meets the same machine. */
  readonly parts: readonly { readonly part: Part; readonly side: Side }[];
  readonly kubelet: Readonly<Record<string, unknown>>;
  /** `nodeStatusUpdateFrequency` in milliseconds. */
  readonly tickMs: number;
  /** Moves that took longer, in milliseconds, are printed event by event. */
  readonly explainedMs: number;
  readonly values: ChartValues;
}

/** Fields of the lab's kubelets that differ from Kubernetes' defaults, set to the defaults. */
const STOCK = {
  syncFrequency: "1m",
  nodeStatusUpdateFrequency: undefined,
  nodeStatusReportFrequency: undefined,
};
/** The last field keeps a kubelet from writing an unchanged status at each tick. */
const FAST = { ...STOCK, nodeStatusUpdateFrequency: "1s", nodeStatusReportFrequency: "5m" };

const situations: readonly Situation[] = [
  {
    parts: [
      { part: "replicas", side: "replicas" },
      { part: "plain", side: "plain" },
    ],
    kubelet: STOCK,
    tickMs: 10_000,
    explainedMs: 12_000,
    values: {},
  },
  {
    parts: [{ part: "fastTick", side: "replicas" }],
    kubelet: FAST,
    tickMs: 1_000,
    explainedMs: 4_000,
    values: {},
  },
  {
    parts: [{ part: "attachByDriver", side: "replicas" }],
    kubelet: STOCK,
    tickMs: 10_000,
    explainedMs: 2_500,
    values: { attach: "driver" },
  },
];

const WAYS: readonly Way[] = ["podDelete", "drain"];
/** The golden ratio's fraction: its multiples are spread evenly over 0..1, however many there are. */
const STRIDE = 0.618_034;
/**
 * A kubelet that has just synced a pod ends the pod's containers only at its next sync, up to two seconds
 * later (`podWorkerLoop` in its pod_workers.go).
 */
const SETTLED_MS = 2_500;
const READY_MAX_MS = 180_000;
const CLEAN_MAX_MS = 300_000;

/**
 * Measures these parts. Afterwards the kubelets are as they were, the driver has its chart's defaults, and
 * everything created here is deleted.
 */
export async function measureParts(run: Run, wanted: readonly Part[]): Promise<Figures> {
  const { lab } = run;
  const chosen = situations
    .map((situation) => ({
      ...situation,
      parts: situation.parts.filter(({ part }) => wanted.includes(part)),
    }))
    .filter(({ parts }) => parts.length > 0);
  const kubeletBefore = await kubeletFields(lab, Object.keys(STOCK));
  const volumes = new Map<Side, BenchVolume>();
  const figures: Partial<Record<Part, Readonly<Record<Way, Summary>>>> = {};
  await lab.kubectl(["create", "namespace", NAMESPACE]);
  try {
    for (const situation of chosen) Object.assign(figures, await measureSituation(run, situation, volumes));
  } finally {
    run.tell("clearing away …");
    await lab.kubectl(["delete", "namespace", NAMESPACE, `--timeout=${CLEAN_MAX_MS}ms`], {
      timeoutMs: CLEAN_MAX_MS,
    });
    await lab.kubectl(["delete", "storageclass", "--ignore-not-found", ...SIDES.map(classOf)]);
    if (chosen.at(-1)?.values["attach"] !== undefined) await installDriver(lab);
    await configureKubelets(lab, kubeletBefore);
  }
  return figures;
}

async function measureSituation(
  run: Run,
  situation: Situation,
  volumes: Map<Side, BenchVolume>,
): Promise<Figures> {
  const { lab, timeline, rounds, tell, signal } = run;
  tell(`${situation.parts.map(({ part }) => part).join(", ")}: configuring kubelets and driver …`);
  await configureKubelets(lab, situation.kubelet);
  await installDriver(lab, { values: situation.values });
  const measured: {
    readonly part: Part;
    readonly volume: BenchVolume;
    readonly podDelete: Move[];
    readonly drain: Move[];
  }[] = [];
  for (const { part, side } of situation.parts) {
    const volume = volumes.get(side) ?? (await startSide(lab, side));
    volumes.set(side, volume);
    measured.push({ part, volume, podDelete: [], drain: [] });
  }
  const startsBefore = await Promise.all(measured.map(({ volume }) => startsRecorded(lab, volume.side)));
  // The first round only warms up and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, way] of WAYS.entries()) {
      for (const one of measured) {
        // A move ends soon after a kubelet's tick. The next one begins at any time between two ticks.
        await sleep(
          SETTLED_MS + (((round * WAYS.length + index) * STRIDE) % 1) * situation.tickMs,
          undefined,
          { signal },
        );
        const move = await movePod(lab, timeline, one.volume, way);
        if (round > 0) one[way].push(move);
        tell(`${one.part} ${way} ${round}: ${describeMove(move)}`);
        if (move.totalMs > situation.explainedMs)
          tell([...move.course, await tellEvents(lab, one.volume.side)].join("\n"));
      }
    }
  }
  for (const [index, { part, volume }] of measured.entries()) {
    const expected = (startsBefore[index] ?? 0) + WAYS.length * (rounds + 1);
    const noted = await startsRecorded(lab, volume.side);
    if (noted < expected)
      throw new Error(`${part}: the volume knows ${noted} starts of its pod, there were ${expected}`);
  }
  return Object.fromEntries(
    measured.map(({ part, podDelete, drain }) => [
      part,
      { podDelete: summarise(podDelete), drain: summarise(drain) },
    ]),
  );
}

function describeMove({ totalMs, driverShareMs, armCalls, phases }: Move): string {
  const spent = Object.entries(phases).filter(([, ms]) => ms > 0);
  const where = spent.map(([phase, ms]) => `${phase} ${Math.round(ms)}`).join(", ");
  return `${totalMs} ms (${where}), in the driver ${Math.round(driverShareMs)} ms, ${armCalls} ARM calls`;
}

/**
 * Kubernetes' events of a side's present pod. A slow move may be due to the API server's node authorizer:
 * while it has not yet seen where the pod is, it refuses, and the kubelet retries after 12 seconds.
 */
async function tellEvents(lab: Lab, side: Side): Promise<string> {
  const own = `--namespace=${NAMESPACE}`;
  const uid = await lab.kubectl([own, "get", `pod/${podOf(side)}`, "--output=jsonpath={.metadata.uid}"]);
  const columns = "TIME:.metadata.creationTimestamp,REASON:.reason,MESSAGE:.message";
  return lab.kubectl([
    own,
    "get",
    "events",
    `--field-selector=involvedObject.uid=${uid}`,
    "--sort-by=.metadata.creationTimestamp",
    `--output=custom-columns=${columns}`,
  ]);
}

async function startSide(lab: Lab, side: Side): Promise<BenchVolume> {
  await lab.kubectl(["apply", "--filename=-"], { input: workloadOf(side) });
  const own = `--namespace=${NAMESPACE}`;
  const pod = `pod/${podOf(side)}`;
  await lab.kubectl([own, "wait", "--for=create", pod, `--timeout=${READY_MAX_MS}ms`], {
    timeoutMs: READY_MAX_MS,
  });
  await lab.kubectl([own, "wait", "--for=condition=Ready", pod, `--timeout=${READY_MAX_MS}ms`], {
    timeoutMs: READY_MAX_MS,
  });
  const persistentVolume = await lab.kubectl([
    own,
    "get",
    `pvc/data-${podOf(side)}`,
    "--output=jsonpath={.spec.volumeName}",
  ]);
  const volumeId = await lab.kubectl([
    "get",
    `pv/${persistentVolume}`,
    "--output=jsonpath={.spec.csi.volumeHandle}",
  ]);
  return { side, persistentVolume, volumeId };
}

/**
 * Each start of the pod writes a record into the volume, so this is the number of starts if none was lost.
 */
async function startsRecorded(lab: Lab, side: Side): Promise<number> {
  const starts = await lab.kubectl([
    `--namespace=${NAMESPACE}`,
    "exec",
    podOf(side),
    "--",
    "cat",
    "/data/starts",
  ]);
  return starts.split("\n").filter((line) => line !== "").length;
}
