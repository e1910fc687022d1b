import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { readObject } from "../read-objects.ts";
import type { Workloads } from "./workloads.ts";

/** A record in a writer's file. */
export interface WrittenRecord {
  readonly number: number;
  /** The uid of the pod that wrote it. */
  readonly by: string;
}

/** What a writer printed about one try. */
export interface Told {
  /** `wrote`: the record is on the disk, and synced. */
  readonly outcome: "wrote" | "failed";
  readonly number: number;
  readonly atMs: number;
}

/** A pod on one node. */
export interface WriterPod {
  readonly name: string;
  readonly uid: string;
  readonly nodeName: string;
}

const GROWTH_MAX_MS = 240_000;
const SIZE_GIB = 4;

/**
 * Appends a record, syncs it, and prints that; continues at the end of the file, also after a failed write.
 */
const WRITE_FOR_EVER = [
  "trap 'exit 0' TERM",
  `n=$(tail -n 1 /data/records 2>/dev/null | cut -d' ' -f1)`,
  "n=$((${n:-0} + 1))",
  "while true; do",
  "if echo $n $POD_UID | dd of=/data/records oflag=append conv=notrunc,fsync 2>/dev/null; then echo " +
    "wrote $n; n=$((n + 1)); else echo failed $n; fi",
  "sleep 0.2 & wait $!",
  "done",
].join("\n");

/**
 * A StatefulSet of one pod, `<name>-0`, that appends numbered records to a volume, and prefers one node.
 */
export function recordWriter({
  name,
  storageClass,
  home,
  schedulerName,
  sizeGiB = SIZE_GIB,
}: {
  readonly name: string;
  readonly storageClass: string;
  readonly home: string;
  /** Default: Kubernetes' own. */
  readonly schedulerName?: string;
  /** Default: 4. */
  readonly sizeGiB?: number;
}): string {
  const preferred = [
    {
      weight: 100,
      preference: { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [home] }] },
    },
  ];
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name },
    spec: {
      serviceName: name,
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          ...(schedulerName === undefined ? {} : { schedulerName }),
          terminationGracePeriodSeconds: 1,
          affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } },
          containers: [
            {
              name: "writer",
              image: "busybox",
              command: ["sh", "-c", WRITE_FOR_EVER],
              env: [{ name: "POD_UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } }],
              volumeMounts: [{ name: "data", mountPath: "/data" }],
            },
          ],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: {
            accessModes: ["ReadWriteOnce"],
            storageClassName: storageClass,
            resources: { requests: { storage: `${sizeGiB}Gi` } },
          },
        },
      ],
    },
  });
}

/** Creates a writer, and returns its pod once it has written. */
export async function startWriter(
  workloads: Workloads,
  writer: Parameters<typeof recordWriter>[0],
): Promise<WriterPod> {
  const name = `${writer.name}-0`;
  await workloads.apply(recordWriter(writer));
  await workloads.untilReady(name);
  const pod = await writerPod(workloads, name);
  await untilSignalled(workloads.lab, workloads.namespace, pod, "wrote");
  return pod;
}

/** The pod at present. */
export async function writerPod(workloads: Workloads, name: string): Promise<WriterPod> {
  const { metadata, spec } = await readObject<{
    readonly metadata: { readonly uid: string };
    readonly spec: { readonly nodeName?: string };
  }>(workloads.lab, `/api/v1/namespaces/${workloads.namespace}/pods/${name}`);
  return { name, uid: metadata.uid, nodeName: spec.nodeName ?? "" };
}

/**
 * A pod's output so far, oldest first: read from its node's disk, with the kubelet or the node itself
 * possibly stopped.
 */
export async function toldBy(lab: Lab, namespace: string, pod: WriterPod): Promise<readonly Told[]> {
  const folder = join(
    lab.node(pod.nodeName).rootFolder,
    "var/log/pods",
    `${namespace}_${pod.name}_${pod.uid}`,
    "writer",
  );
  const files = (await readdir(folder)).toSorted();
  const lines = (await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")))).flatMap(
    wholeLines,
  );
  return lines.flatMap((line) => {
    const [, at = "", outcome, number] = /^(\S+) stdout F (wrote|failed) (\d+)$/u.exec(line) ?? [];
    return outcome === undefined
      ? []
      : [{ outcome: outcome as Told["outcome"], number: Number(number), atMs: Date.parse(at) }];
  });
}

/** Waits until a pod has printed `count` more tries. */
export async function untilSignalled(
  lab: Lab,
  namespace: string,
  pod: WriterPod,
  outcome: Told["outcome"],
  count = 1,
): Promise<void> {
  const said = async (): Promise<number> =>
    (await toldBy(lab, namespace, pod)).filter((each) => each.outcome === outcome).length;
  const before = await said();
  await waitUntil(
    `${pod.name} on ${pod.nodeName} to say "${outcome}"`,
    { timeoutMs: GROWTH_MAX_MS },
    async () => ((await said()) >= before + count ? true : undefined),
  );
}

/** Throws if a pod has ever failed to write. */
export async function assertNeverFailed(lab: Lab, namespace: string, pod: WriterPod): Promise<void> {
  const told = await toldBy(lab, namespace, pod);
  assert.deepEqual(
    told.filter(({ outcome }) => outcome === "failed"),
    [],
  );
}

/** The records on the volume, as read by the pod that has it now. */
export async function recordsSeenBy(workloads: Workloads, pod: string): Promise<readonly WrittenRecord[]> {
  // The last newline of the output is not part of the answer.
  return readRecords(await workloads.inPod(pod, "cat /data/records && echo"));
}

/** The records in the text of a writer's file. */
export function readRecords(text: string): readonly WrittenRecord[] {
  return wholeLines(text).map((line) => {
    const [number = "", by = ""] = line.split(" ");
    return { number: Number(number), by };
  });
}

/**
 * The lines of a file that may be growing: the beginning of a line that crosses a page may be visible
 * before its end.
 */
function wholeLines(text: string): readonly string[] {
  return text.split("\n").slice(0, -1);
}

/** The uids of the pods that wrote, in order: twice if a pod wrote again after another one. */
export function turnsOf(records: readonly WrittenRecord[]): readonly string[] {
  return records.map(({ by }) => by).filter((by, index, all) => by !== all[index - 1]);
}

/** A pod that wrote, and its output so far if its log may be gone by now. */
export interface PastWriter {
  readonly uid: string;
  readonly told: readonly Told[];
}

/**
 * Throws unless the records on the volume, as `reader` reads them, are numbered without a gap, written by
 * these pods one after another, and include every record that a pod saw synced. The pods' output is read
 * before the records, since a writer continues during the read. Returns the output of each.
 */
export async function assertRecordsKept(
  workloads: Workloads,
  reader: string,
  writers: readonly (WriterPod | PastWriter)[],
): Promise<readonly (readonly Told[])[]> {
  const said = await Promise.all(
    writers.map(async (writer) =>
      "told" in writer
        ? writer
        : { uid: writer.uid, told: await toldBy(workloads.lab, workloads.namespace, writer) },
    ),
  );
  assertNothingLost(await recordsSeenBy(workloads, reader), said);
  return said.map(({ told }) => told);
}

function assertNothingLost(records: readonly WrittenRecord[], writers: readonly PastWriter[]): void {
  assert.deepEqual(
    records.map(({ number }) => number),
    records.map((_, index) => index + 1),
  );
  assert.deepEqual(
    turnsOf(records),
    writers.map(({ uid }) => uid),
  );
  for (const { uid, told } of writers) {
    const onDisk = new Set(records.filter(({ by }) => by === uid).map(({ number }) => number));
    const lost = told.filter(({ outcome, number }) => outcome === "wrote" && !onDisk.has(number));
    const numbers = lost.map(({ number }) => number).join(", ");
    assert.equal(
      numbers,
      "",
      `pod ${uid} lost synced records ${numbers}; ${records.length} are left, the last by ` +
        `${records.at(-1)?.by}`,
    );
  }
}
