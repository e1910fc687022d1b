import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../../core/failure/result.ts";
import type { DriverEvent } from "../../../ports/cluster/events.ts";
import type { Logger } from "../../../ports/logger.ts";
import { createSeededRandom } from "../../virtual/seeded-random.ts";
import { createVirtualClock, type VirtualClock } from "../../virtual/virtual-clock.ts";
import type { ApiClient, ApiRequest } from "../api/api-client.ts";
import type { EventSubject } from "./events-correlator.ts";
import { createKubernetesEvents } from "./events.ts";

const pod: EventSubject = { apiVersion: "v1", kind: "Pod", namespace: "default", name: "db-0", uid: "uid-1" };
const node: EventSubject = {
  apiVersion: "v1",
  kind: "Node",
  namespace: undefined,
  name: "node-a",
  uid: "node-a",
};
const fenced: DriverEvent = {
  about: { kind: "AzVolume", name: "pvc-1" },
  reason: "Fencing",
  message: "node-a is fenced from the disk",
};
const REMEDY = "No other node writes until that is proven, or the disk refuses that node's writes.";

interface World {
  readonly emit: (event: DriverEvent) => void;
  readonly clock: VirtualClock;
  /**
   * The requests: `POST`, the namespace, and the body without the object's name; a PATCH with the
   * name's number.
   */
  readonly sent: readonly (readonly [string, string, unknown])[];
  readonly logged: readonly string[];
  /** The status with which each of the next requests is answered; -1: not at all. */
  readonly answers: number[];
}

async function inWorld(
  subjects: readonly EventSubject[],
  use: (world: World) => Promise<void>,
): Promise<void> {
  const clock = createVirtualClock({ startMs: Date.parse("2026-01-01T12:00:00.250Z") });
  const sent: (readonly [string, string, unknown])[] = [];
  const logged: string[] = [];
  const answers: number[] = [];
  const names = new Map<string, number>();
  const log = (message: string, fields: object = {}): number =>
    logged.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const client: ApiClient = {
    call: (request) => {
      sent.push(describeRequest(request, names));
      const code = answers.shift() ?? 201;
      return Promise.resolve(
        code < 0
          ? fail({ kind: "StoreUnavailable", detail: "no answer" })
          : ok({ code, body: { message: "refused by the test" } }),
      );
    },
    watch: () => {
      throw new Error("events are not watched");
    },
    close: () => {},
  };
  const events = createKubernetesEvents({
    client,
    clock,
    random: createSeededRandom(1),
    logger,
    subjectsOf: () => subjects,
    reportingComponent: "disk.csi.azure.com",
    reportingInstance: "controller-1",
  });
  const life = new AbortController();
  const running = events.run(life.signal);
  await use({ emit: (event) => events.emit(event), clock, sent, logged, answers });
  life.abort();
  await running;
}

function describeRequest(
  { method, path, body }: ApiRequest,
  names: Map<string, number>,
): readonly [string, string, unknown] {
  const [, namespace = "", name] = /^\/api\/v1\/namespaces\/([^/]+)\/events(?:\/(.+))?$/u.exec(path) ?? [];
  const numberOf = (objectName: string): number => {
    if (!names.has(objectName)) names.set(objectName, names.size + 1);
    return names.get(objectName) ?? 0;
  };
  if (name !== undefined) return [`${method} ${numberOf(name)}`, namespace, body];
  const { metadata, ...event } = body as {
    readonly metadata: { readonly name: string; readonly namespace: string };
  };
  assert.match(metadata.name, /^(?:db-0|node-a)\.[0-9a-f]{16}$/u);
  assert.equal(metadata.namespace, namespace);
  return [`${method} ${numberOf(metadata.name)}`, namespace, event];
}

function theEvent(subject: EventSubject, overrides: object = {}): unknown {
  return {
    apiVersion: "v1",
    kind: "Event",
    involvedObject: subject,
    type: "Warning",
    reason: "Fencing",
    message: `node-a is fenced from the disk. ${REMEDY}`,
    firstTimestamp: "2026-01-01T12:00:00Z",
    lastTimestamp: "2026-01-01T12:00:00Z",
    count: 1,
    source: { component: "disk.csi.azure.com", host: "controller-1" },
    reportingComponent: "disk.csi.azure.com",
    reportingInstance: "controller-1",
    ...overrides,
  };
}

describe("createKubernetesEvents", () => {
  it("shows an event on each of its objects, in its namespace, with the remedy", () =>
    inWorld([pod, node], async ({ emit, clock, sent, logged }) => {
      emit(fenced);
      assert.deepEqual(sent, [], "the caller of emit does not wait");
      await clock.settle();
      assert.deepEqual(sent, [
        ["POST 1", "default", theEvent(pod)],
        [
          "POST 2",
          "default",
          theEvent(node, { message: `pvc-1: node-a is fenced from the disk. ${REMEDY}` }),
        ],
      ]);
      assert.deepEqual(logged, []);
    }));

  it("names on a Node the volume that an event is about, each in an event of its own", () =>
    inWorld([node], async ({ emit, clock, sent }) => {
      for (const name of ["pvc-1", "pvc-2"]) emit({ ...fenced, about: { kind: "AzVolume", name } });
      emit({ ...fenced, about: { kind: "Node", name: "node-a" } });
      await clock.settle();
      assert.deepEqual(
        sent.map(([method, , body]) => [method, (body as { message: string }).message]),
        [
          ["POST 1", `pvc-1: node-a is fenced from the disk. ${REMEDY}`],
          ["POST 2", `pvc-2: node-a is fenced from the disk. ${REMEDY}`],
          ["POST 3", `node-a is fenced from the disk. ${REMEDY}`],
        ],
      );
    }));

  it("still shows a volume's failures after hours of others that the kubelet repeats", () =>
    inWorld([pod], async ({ emit, clock, sent }) => {
      const { about } = fenced;
      // The kubelet asks for the usage each one to two minutes, and stages again after two.
      for (let ms = 0; ms < 6 * 3_600_000; ms += 122_000) {
        // Its pods are restarted each half an hour: a mount has events of its own.
        const epoch = Math.floor(ms / 1_800_000);
        emit({ about, reason: "MountDead", message: "its mount is dead", localKey: `${epoch}` });
        emit({ about, reason: "FileSystemErrors", message: "it has errors", localKey: `${epoch}` });
        emit({ about, reason: "StageFailed", message: "its device is gone" });
        await clock.advance(122_000);
      }
      const before = sent.length;
      assert.ok(before > 3 * 12, "they are seen as lasting");
      const failures = Array.from({ length: 5 }, (_, nth) => `its disk fails ${nth}`);
      for (const message of failures) emit({ about, reason: "StageFailed", message });
      await clock.settle();
      assert.deepEqual(
        sent
          .slice(before)
          .map(([method, , body]) => [method.split(" ")[0], (body as { message: string }).message]),
        failures.map((message) => ["POST", `${message}. The kubelet retries.`]),
      );
    }));

  it("counts up a lasting event, and writes it again after Kubernetes has dropped it", () =>
    inWorld([pod], async ({ emit, clock, sent, answers }) => {
      emit(fenced);
      await clock.advance(1_000);
      emit(fenced);
      await clock.advance(300_000);
      const update = {
        count: 3,
        lastTimestamp: "2026-01-01T12:05:01Z",
        message: `node-a is fenced from the disk. ${REMEDY}`,
      };
      answers.push(404);
      emit(fenced);
      await clock.settle();
      assert.deepEqual(sent, [
        ["POST 1", "default", theEvent(pod)],
        ["PATCH 1", "default", update],
        ["POST 1", "default", theEvent(pod, { count: 3, lastTimestamp: "2026-01-01T12:05:01Z" })],
      ]);
    }));

  it("retries while the API server is away or overloaded, and accepts existing events", () =>
    inWorld([pod], async ({ emit, clock, sent, answers, logged }) => {
      answers.push(-1, 500, 429, 201);
      emit(fenced);
      await clock.advance(60_000);
      assert.deepEqual([sent.length, logged], [4, []]);
    }));

  it("gives an event up after five tries or a final refusal, logs it, and continues", () =>
    inWorld([pod], async ({ emit, clock, sent, answers, logged }) => {
      answers.push(-1, -1, -1, -1, -1);
      emit(fenced);
      await clock.advance(60_000);
      answers.push(403);
      emit({ ...fenced, reason: "NoProof" });
      emit({ ...fenced, reason: "Fenced" });
      await clock.settle();
      assert.equal(sent.length, 7);
      assert.deepEqual(logged, [
        'event not written {"object":"Pod/db-0","reason":"Fencing","problem":"no answer"}',
        'event not written {"object":"Pod/db-0","reason":"NoProof","problem":"refused by the test"}',
      ]);
    }));

  it("keeps at most a thousand events waiting, drops what is beyond, and counts it", () => {
    const pods = Array.from({ length: 1_500 }, (_, index) => ({ ...pod, uid: `uid-${index}` }));
    return inWorld(pods, async ({ emit, clock, sent, logged }) => {
      emit(fenced);
      await clock.settle();
      assert.equal(sent.length, 1_000);
      assert.deepEqual(logged, ['events dropped: too many at once {"count":500}']);
    });
  });

  it("keeps both ends and the remedy of a message that Kubernetes would not take", () =>
    inWorld([pod], async ({ emit, clock, sent }) => {
      // Azure names what is missing at the end of a refusal.
      const missing =
        "it does not have permission to perform action(s) 'Microsoft.Compute/diskAccesses/read'";
      emit({ ...fenced, message: `attaching disk data: ${"ä".repeat(5_000)} ${missing}` });
      await clock.settle();
      const [, , event] = sent[0] ?? [];
      const message = (event as { readonly message?: string } | undefined)?.message ?? "";
      assert.match(message, /^attaching disk data: ä+ … ä+ it does not have .*diskAccesses\/read'\. /u);
      assert.ok(message.endsWith(`. ${REMEDY}`));
      assert.ok(Buffer.byteLength(`(combined from similar events): ${message}`) <= 1024);
    }));

  it("shows and updates events also after the wall clock was set back by a day", () =>
    inWorld([pod], async ({ emit, clock, sent }) => {
      emit(fenced);
      await clock.advance(1);
      clock.jumpWallClock(-86_400_000);
      await clock.advance(300_000);
      emit(fenced);
      emit({ ...fenced, localKey: "another", message: "node-b is fenced from the disk" });
      await clock.advance(1);
      assert.deepEqual(
        sent.map(([request]) => request),
        ["POST 1", "PATCH 1", "POST 2"],
      );
    }));
});
