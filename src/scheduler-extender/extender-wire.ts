import { invariant } from "../core/failure/invariant.ts";
import { fail, ok, type Result } from "../core/failure/result.ts";
import { isRecord } from "../core/primitives/is-record.ts";
import { mayPreemptionHelp, type Removal } from "../core/schedule/filter-nodes.ts";
import { SCORE_MAX } from "../core/schedule/score-nodes.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { fieldOf, parseGoObject } from "./go-object.ts";
import { nameAt, NameMemory, type NodeNames, scanNodeNames, startOfName, viewOf } from "./node-names.ts";

/** A request of kube-scheduler (k8s.io/kube-scheduler/extender/v1 ExtenderArgs). */
export interface ExtenderArgs {
  readonly pod: unknown;
  /** The nodes that the pod may be placed on, as far as the scheduler knows. */
  readonly nodeNames: NodeNames;
  /**
   * The nodes in full, in the same order, if the scheduler does not know the extender as
   * `nodeCacheCapable`; the answer has the same form.
   */
  readonly nodeList: { readonly items: readonly unknown[] } | undefined;
}

/** What comes between the pod and the names in a request of kube-scheduler, and after them. */
const BEFORE_NAMES = ',"Nodes":null,"NodeNames":[';
const AFTER_NAMES = "]}";
const WORD_BYTES = 4;
const FIRST_HOST = Buffer.from('[{"Host":"');
/**
 * The text between two names in a HostPriorityList, by the score of the first, in words; what fills the
 * last word is overwritten by the next name.
 */
const BETWEEN_HOSTS = Array.from({ length: SCORE_MAX + 1 }, (_, score) =>
  wordsOf(`","Score":${score}},{"Host":"`),
);
const BETWEEN_HOSTS_MAX_BYTES = 24;

/** Kubernetes groups nodes with the same reason: `0/5 nodes are available: 2 node(s) …`. */
const reasonTexts: Readonly<Record<Extract<Removal, string>, string>> = {
  "no-plug-in": "node(s) without the Azure Disk node plug-in",
  "not-ready": "node(s) with an Azure Disk node plug-in that is not ready",
  silent: "node(s) with an Azure Disk node plug-in that does not report any more",
  quarantine: "node(s) that were fenced from an Azure disk and have not reported clean since",
  unreachable: "node(s) outside the region or zone of an Azure disk of the pod",
  "other-platform": "node(s) of another operating system than an Azure disk of the pod is for",
  "no-slot": "node(s) without free slots for the Azure disks of the pod",
};

/**
 * Reads a request; the result holds until `memory` is used again. The failure says what is wrong with
 * the request.
 */
export function readExtenderArgs(body: Buffer, memory = new NameMemory()): Result<ExtenderArgs, string> {
  const args = readAsGoWrites(body, memory);
  return args === undefined ? readAnyJson(body) : ok(args);
}

/**
 * Reads a request as kube-scheduler writes it, with the names last, so that only the pod goes through
 * `JSON`. Undefined if it is anything else. The text before the names is an object without its end only
 * if the names are in that object itself; so nothing in a pod can be taken for them.
 */
function readAsGoWrites(body: Buffer, memory: NameMemory): ExtenderArgs | undefined {
  const start = body.indexOf(BEFORE_NAMES);
  const end = body.length - AFTER_NAMES.length;
  if (start === -1 || body.toString("latin1", end) !== AFTER_NAMES) return undefined;
  const nodeNames = scanNodeNames(body.subarray(start + BEFORE_NAMES.length, end), memory);
  if (nodeNames === undefined) return undefined;
  const rest = parseGoObject(`${body.toString("utf8", 0, start)}}`);
  return rest.ok ? { pod: fieldOf(rest.value, "Pod"), nodeNames, nodeList: undefined } : undefined;
}

function readAnyJson(body: Buffer): Result<ExtenderArgs, string> {
  const args = parseGoObject(body.toString("utf8"));
  if (!args.ok) return args;
  const pod = fieldOf(args.value, "Pod");
  const names = fieldOf(args.value, "NodeNames");
  if (names !== undefined && names !== null) {
    const nodeNames = namesOf(names);
    return nodeNames === undefined
      ? fail("NodeNames is not a list of names of nodes")
      : ok({ pod, nodeNames, nodeList: undefined });
  }
  const nodeList = fieldOf(args.value, "Nodes");
  if (!isRecord(nodeList)) return fail("there are neither NodeNames nor Nodes");
  const items = nodeList["items"] ?? [];
  const nodeNames = Array.isArray(items) ? namesOf(items.map(nameOf)) : undefined;
  return nodeNames === undefined
    ? fail("Nodes is not a list of nodes with names")
    : ok({ pod, nodeNames, nodeList: { ...nodeList, items: items as unknown[] } });
}

/**
 * Writes an ExtenderFilterResult: all nodes but those removed (by their places, in ascending order), in
 * the form of the request.
 */
export function writeFilterResult(
  into: ByteWriter,
  { nodeNames, nodeList }: ExtenderArgs,
  removed: ReadonlyMap<number, Removal>,
): Buffer {
  const failed: [string, string][] = [];
  const unresolvable: [string, string][] = [];
  for (const [at, because] of removed)
    (mayPreemptionHelp(because) ? failed : unresolvable).push([
      nameAt(nodeNames, at),
      describeRemoval(because),
    ]);
  const tail = `"FailedNodes":${JSON.stringify(Object.fromEntries(failed))},"FailedAndUnresolvableNodes":${JSON.stringify(Object.fromEntries(unresolvable))},"Error":""}`;
  if (nodeList !== undefined) {
    const items = nodeList.items.filter((_, at) => !removed.has(at));
    return Buffer.from(`{"Nodes":${JSON.stringify({ ...nodeList, items })},"NodeNames":null,${tail}`);
  }
  into.appendText('{"Nodes":null,"NodeNames":[');
  appendNamesWithout(into, nodeNames, removed);
  into.appendText(`],${tail}`);
  return into.written();
}

/**
 * An ExtenderFilterResult with an error; a scheduler that treats the extender as `ignorable` continues
 * without it.
 */
export function writeFilterError(problem: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      Nodes: null,
      NodeNames: null,
      FailedNodes: {},
      FailedAndUnresolvableNodes: {},
      Error: problem,
    }),
  );
}

/**
 * Writes a HostPriorityList with the scores by the nodes' places, 0 for all others. It names every
 * requested node: an unnamed one would not take part in the scheduler's draw among equals. Copies names
 * word by word, which makes no garbage and is faster than strings.
 */
export function writeHostPriorities(
  into: ByteWriter,
  nodeNames: NodeNames,
  scores: ReadonlyMap<number, number>,
): Buffer {
  const { bytes, count, ends } = nodeNames;
  if (count === 0) {
    into.appendText("[]");
    return into.written();
  }
  into.append(FIRST_HOST);
  const words = viewOf(bytes);
  const target = into.reserve(bytes.length + count * BETWEEN_HOSTS_MAX_BYTES);
  let at = into.length;
  for (let place = 0; place < count; place++) {
    const end = ends[place] ?? 0;
    let from = startOfName(nodeNames, place);
    for (; from + WORD_BYTES <= end; from += WORD_BYTES, at += WORD_BYTES)
      target.setInt32(at, words.getInt32(from));
    for (; from < end; from++, at++) target.setUint8(at, words.getUint8(from));
    if (place + 1 === count) break;
    const between = BETWEEN_HOSTS[scores.get(place) ?? 0];
    invariant(between !== undefined, "a score is above what a scheduler takes");
    for (let word = 0; word < between.words.length; word++)
      target.setInt32(at + word * WORD_BYTES, between.words[word] ?? 0);
    at += between.bytes;
  }
  into.advance(at);
  into.appendText(`","Score":${scores.get(count - 1) ?? 0}}]`);
  return into.written();
}

function describeRemoval(because: Removal): string {
  if (typeof because === "string") return reasonTexts[because];
  const { claim, sourceClaim, place } = because;
  return `node(s) outside ${place}, where claim ${claim} has to be made as a copy of claim ${sourceClaim}`;
}

function wordsOf(text: string): { readonly words: Int32Array; readonly bytes: number } {
  const bytes = Buffer.alloc(Math.ceil(text.length / WORD_BYTES) * WORD_BYTES);
  bytes.write(text, "latin1");
  return {
    words: Int32Array.from({ length: bytes.length / WORD_BYTES }, (_, word) =>
      bytes.readInt32BE(word * WORD_BYTES),
    ),
    bytes: text.length,
  };
}

/** The names but those removed, in as few pieces as can be. */
function appendNamesWithout(
  into: ByteWriter,
  nodeNames: NodeNames,
  removed: ReadonlyMap<number, unknown>,
): void {
  const appendRun = (from: number, to: number): void => {
    if (to <= from) return;
    if (!isFirst) into.appendText(",");
    isFirst = false;
    into.append(nodeNames.bytes, startOfName(nodeNames, from) - 1, (nodeNames.ends[to - 1] ?? 0) + 1);
  };
  let isFirst = true;
  let first = 0;
  for (const place of removed.keys()) {
    appendRun(first, place);
    first = place + 1;
  }
  appendRun(first, nodeNames.count);
}

/** Undefined if these are no names, or one has a character that a name of a node can't have. */
function namesOf(names: unknown): NodeNames | undefined {
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) return undefined;
  return scanNodeNames(Buffer.from(JSON.stringify(names).slice(1, -1)));
}

function nameOf(node: unknown): unknown {
  return (node as { readonly metadata?: { readonly name?: unknown } | null } | null)?.metadata?.name;
}
