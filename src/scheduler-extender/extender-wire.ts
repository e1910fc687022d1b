import { fail, ok, type Result } from "../core/result.ts";
import { mayPreemptionHelp, type RemovalReason } from "../core/schedule/filter-nodes.ts";
import { nameAt, type NodeNames, scanNodeNames, startOfName } from "./node-names.ts";

/** What kube-scheduler asks (k8s.io/kube-scheduler/extender/v1 ExtenderArgs). */
export interface ExtenderArgs {
  readonly pod: unknown;
  /** The nodes that the pod may be placed on, as far as the scheduler knows. */
  readonly nodeNames: NodeNames;
  /** The nodes in full, in the same order, where the scheduler is not told that the extender is `nodeCacheCapable`; the list is answered in kind. */
  readonly nodeList: { readonly items: readonly unknown[] } | undefined;
}

/** What comes between the pod and the names in a request of kube-scheduler, and after them. */
const BEFORE_NAMES = ',"Nodes":null,"NodeNames":[';
const AFTER_NAMES = "]}";
const COMMA = Buffer.from(",");
/** Names that are written at once: texts that are much longer take twice the time, since they are made outside of the young generation. */
const RUN_NAMES_MAX = 1_000;

/** Kubernetes puts nodes with the same reason together: `0/5 nodes are available: 2 node(s) …`. */
const reasonTexts: Readonly<Record<RemovalReason, string>> = {
  "no-plug-in": "node(s) without the Azure Disk node plug-in",
  "not-ready": "node(s) with an Azure Disk node plug-in that is not ready",
  silent: "node(s) with an Azure Disk node plug-in that is not heard of any more",
  quarantine: "node(s) that were cut off from an Azure disk of the pod and have not shown to be clean since",
  unreachable: "node(s) outside the region or zone of an Azure disk of the pod",
  "no-slot": "node(s) without free slots for the Azure disks of the pod",
};

/** Reads a request. The failure says what is wrong with it. */
export function readExtenderArgs(body: Buffer): Result<ExtenderArgs, string> {
  const args = readAsGoWrites(body);
  return args === undefined ? readAnyJson(body) : ok(args);
}

/**
 * Reads a request as kube-scheduler writes it, with the names last, so that nothing but the pod goes through `JSON`. Undefined if it is anything else. What stands
 * before the names is an object without its end only if the names are in that object itself; so nothing in a pod can be taken for them.
 */
function readAsGoWrites(body: Buffer): ExtenderArgs | undefined {
  const start = body.indexOf(BEFORE_NAMES);
  const end = body.length - AFTER_NAMES.length;
  if (start === -1 || body.toString("latin1", end) !== AFTER_NAMES) return undefined;
  const nodeNames = scanNodeNames(body.subarray(start + BEFORE_NAMES.length, end));
  if (nodeNames === undefined) return undefined;
  const rest = parseObject(`${body.toString("utf8", 0, start)}}`);
  return rest.ok ? { pod: fieldOf(rest.value, "Pod"), nodeNames, nodeList: undefined } : undefined;
}

function readAnyJson(body: Buffer): Result<ExtenderArgs, string> {
  const args = parseObject(body.toString("utf8"));
  if (!args.ok) return args;
  const pod = fieldOf(args.value, "Pod");
  const names = fieldOf(args.value, "NodeNames");
  if (names !== undefined && names !== null) {
    const nodeNames = namesOf(names);
    return nodeNames === undefined ? fail("NodeNames is not a list of names of nodes") : ok({ pod, nodeNames, nodeList: undefined });
  }
  const nodeList = fieldOf(args.value, "Nodes");
  if (!isRecord(nodeList)) return fail("there are neither NodeNames nor Nodes");
  const items = nodeList["items"] ?? [];
  const nodeNames = Array.isArray(items) ? namesOf(items.map(nameOf)) : undefined;
  return nodeNames === undefined
    ? fail("Nodes is not a list of nodes with names")
    : ok({ pod, nodeNames, nodeList: { ...nodeList, items: items as unknown[] } });
}

/** An ExtenderFilterResult: all nodes but those removed (by their places), in the form in which they were asked for. */
export function writeFilterResult({ nodeNames, nodeList }: ExtenderArgs, removed: ReadonlyMap<number, RemovalReason>): Buffer {
  const failed: [string, string][] = [];
  const unresolvable: [string, string][] = [];
  for (const [at, because] of removed) (mayPreemptionHelp(because) ? failed : unresolvable).push([nameAt(nodeNames, at), reasonTexts[because]]);
  const outcome = `"FailedNodes":${JSON.stringify(Object.fromEntries(failed))},"FailedAndUnresolvableNodes":${JSON.stringify(Object.fromEntries(unresolvable))},"Error":""}`;
  if (nodeList !== undefined) {
    const items = nodeList.items.filter((_, at) => !removed.has(at));
    return Buffer.from(`{"Nodes":${JSON.stringify({ ...nodeList, items })},"NodeNames":null,${outcome}`);
  }
  return joined('{"Nodes":null,"NodeNames":[', namesWithout(nodeNames, removed), `],${outcome}`);
}

/** An ExtenderFilterResult that says why there is none; a scheduler that takes the extender for `ignorable` goes on without it. */
export function writeFilterError(problem: string): Buffer {
  return Buffer.from(JSON.stringify({ Nodes: null, NodeNames: null, FailedNodes: {}, FailedAndUnresolvableNodes: {}, Error: problem }));
}

/**
 * A HostPriorityList with the scores by the nodes' places, 0 for all others. It names every node that was asked for: those that it does not name would not take
 * part in the scheduler's draw among equals.
 */
export function writeHostPriorities(nodeNames: NodeNames, scores: ReadonlyMap<number, number>): Buffer {
  const pieces: Buffer[] = [];
  let first = 0;
  // In runs of names without a score, as long as may be: one past the last ends the last run.
  for (const place of [...[...scores.keys()].toSorted((left, right) => left - right), nodeNames.count]) {
    for (; first < place; first += RUN_NAMES_MAX) pieces.push(prioritiesOf(nodeNames, first, Math.min(place, first + RUN_NAMES_MAX), 0));
    const score = scores.get(place);
    if (score !== undefined) pieces.push(prioritiesOf(nodeNames, place, place + 1, score));
    first = place + 1;
  }
  return joined("[", pieces, "]");
}

/** The entries of the names from one place up to another, all with one score. */
function prioritiesOf(nodeNames: NodeNames, from: number, to: number, score: number): Buffer {
  // One byte a character: what is not ASCII passes through as it is. No name has a quote in it, so that all quotes are at the ends of names.
  const names = textOfNames(nodeNames, from, to).toString("latin1");
  return Buffer.from(`{"Host":${names.replaceAll(/","/gu, `","Score":${score}},{"Host":"`)},"Score":${score}}`, "latin1");
}

/** The names from one place up to another, with their quotes. */
function textOfNames(nodeNames: NodeNames, from: number, to: number): Buffer {
  return nodeNames.bytes.subarray(startOfName(nodeNames, from) - 1, (nodeNames.ends[to - 1] ?? 0) + 1);
}

function joined(before: string, pieces: readonly Buffer[], after: string): Buffer {
  return Buffer.concat([Buffer.from(before), ...pieces.flatMap((piece, at) => (at === 0 ? [piece] : [COMMA, piece])), Buffer.from(after)]);
}

/** The names but those removed, in as few pieces as can be. */
function namesWithout(nodeNames: NodeNames, removed: ReadonlyMap<number, unknown>): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let first = 0;
  // The places come in ascending order; one past the last ends the last piece.
  for (const place of [...removed.keys(), nodeNames.count]) {
    if (place > first) pieces.push(textOfNames(nodeNames, first, place));
    first = place + 1;
  }
  return pieces;
}

function parseObject(text: string): Result<Readonly<Record<string, unknown>>, string> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? ok(value) : fail("the body is not an object");
  } catch (error) {
    return fail(`the body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Go writes the structs' own names and reads them in any case: so do we. */
function fieldOf(args: Readonly<Record<string, unknown>>, name: string): unknown {
  if (name in args) return args[name];
  const key = Object.keys(args).find((other) => other.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : args[key];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Undefined if these are no names, or one has a character that a name of a node can't have. */
function namesOf(names: unknown): NodeNames | undefined {
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) return undefined;
  return scanNodeNames(Buffer.from(JSON.stringify(names).slice(1, -1)));
}

function nameOf(node: unknown): unknown {
  return (node as { readonly metadata?: { readonly name?: unknown } | null } | null)?.metadata?.name;
}
