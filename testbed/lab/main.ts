import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspectMachine, installMissingPackages } from "../../scripts/test/machine.ts";
import type { Options, Values } from "../../src/cli/options.ts";
import { answerNoRun, readCommandLine } from "../../src/cli/read-command-line.ts";
import { suggestion } from "../../src/cli/read-values.ts";
import { OLDER_KUBERNETES } from "../parts/kubernetes-module.ts";
import { type ChartValues, installDriver } from "./cluster/install-driver.ts";
import type { LabNode } from "./cluster/lab-node.ts";
import { labNameProblem } from "./lab-home.ts";
import type { LabOptions } from "./lab-options.ts";
import { labStatus } from "./lab-status.ts";
import { findLab, type Lab, openLab } from "./lab.ts";
import { NODE_KINDS, NODES_MAX, readNodes } from "./node-kinds.ts";
import { startLab } from "./start-lab.ts";
import { stopLab } from "./stop-lab.ts";

const USAGE = `npm run lab [-- flags]               brings up a Kubernetes cluster of real parts in an emulated Azure,
                                     and leaves it running
npm run lab -- status                what runs, what it uses, and all labs of this machine
npm run lab -- down                  takes it down, without a trace, whatever state it is in
npm run lab -- install-driver        installs this clone's driver into the lab, or upgrades it
npm run lab -- kubectl <args>        kubectl as the lab's administrator
npm run lab -- <verb> <node>         kill, start, freeze, thaw, partition, heal, stop-kubelet, start-kubelet`;

const CLONE = fileURLToPath(new URL("../..", import.meta.url));
const NODE_VERBS = [
  "kill",
  "start",
  "freeze",
  "thaw",
  "partition",
  "heal",
  "stop-kubelet",
  "start-kubelet",
] as const;

type NodeVerb = (typeof NODE_VERBS)[number];

const VERBS = ["up", "down", "status", "install-driver", ...NODE_VERBS];

const options = {
  name: {
    kind: "text",
    default: "lab",
    problem: labNameProblem,
    help: "The lab's name: labs of different names run side by side",
  },
  nodes: {
    kind: "text",
    default: "3",
    problem: (value) => {
      const read = readNodes(value);
      return "problem" in read ? read.problem : undefined;
    },
    help:
      `Number of nodes, from 1 to ${NODES_MAX}, or what each one is in Azure, such as ` +
      `${NODE_KINDS.join(",")}: an instance of a uniform scale set, a VM of a flexible one, ` +
      "a VM of its own, a VM of an availability set",
  },
  zones: {
    kind: "choice",
    default: "2",
    choices: ["1", "2"],
    help: "2: every third node is in zone 2; 1: all in zone 1, but those of an availability set in none",
  },
  kubernetes: {
    kind: "choice",
    choices: OLDER_KUBERNETES,
    help: "An older Kubernetes: the first such lab builds it (default: the newest that the lab knows)",
  },
  "time-scale": {
    kind: "number",
    default: 0.05,
    min: 0.0001,
    max: 1,
    help: "Azure's latencies times this factor",
  },
  "fast-tick": {
    kind: "flag",
    help: "Kubelets report their node's status each second instead of each ten",
  },
  "no-driver": { kind: "flag", help: "Without the driver: its chart is not installed" },
  force: { kind: "flag", help: "With down: also a lab that another clone of this project started" },
  "started-by": {
    kind: "number",
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    isWhole: true,
    help: "With down: only a lab that the process of this id started",
  },
} as const satisfies Options;

type Flags = Values<typeof options>;

/** The chart's values: with all parts of snapshots, as AKS has them. */
const VALUES: ChartValues = { snapshot: { enabled: true } };

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  // The arguments after `kubectl` are kubectl's.
  const end = args.includes("kubectl") ? args.indexOf("kubectl") : args.length;
  const program = {
    name: "npm run lab",
    usage: USAGE,
    options,
    words: "any",
    problems: verbProblems,
  } as const;
  const command = readCommandLine(program, args.slice(0, end));
  if (command.kind !== "Run") return answerNoRun(command);
  const { values, words } = command;
  if (end < args.length) return runKubectl(await openLab(values.name), args.slice(end + 1));
  await act(values, words, signal);
  return 0;
}

function verbProblems(values: Flags, [verb = "up", node, ...more]: readonly string[]): readonly string[] {
  if (!VERBS.includes(verb))
    return [
      `got ${JSON.stringify(verb)}; expected one of ${VERBS.join(", ")}, kubectl${suggestion(verb, VERBS)}`,
    ];
  const isOfNode = NODE_VERBS.some((each) => each === verb);
  if (isOfNode && node === undefined) return [`${verb}: got no node; expected ${verb} <node>`];
  const surplus = isOfNode ? more : [node, ...more].filter((word) => word !== undefined);
  return [
    ...surplus.map((word) => `${JSON.stringify(word)}: unexpected argument after ${verb}`),
    ...(values.force && verb !== "down" ? [`--force: has no effect on ${verb}, only on down`] : []),
  ];
}

async function act(
  values: Flags,
  [verb = "up", nodeName = ""]: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const nodeVerb = NODE_VERBS.find((each) => each === verb);
  if (nodeVerb !== undefined) return actOnNode((await openLab(values.name)).node(nodeName), nodeVerb, signal);
  switch (verb) {
    case "down":
      return takeDown(values);
    case "status":
      return say(await labStatus());
    case "install-driver":
      return installDriver(await openLab(values.name), { values: VALUES });
    default:
      return bringUp(values, signal);
  }
}

async function bringUp(values: Flags, signal: AbortSignal): Promise<void> {
  const there = await findLab(values.name);
  if (there === undefined) await installTools();
  const lab = there ?? (await startLab(optionsOf(values), signal, say));
  if (there === undefined && !values.noDriver) {
    say("         installing the driver …");
    await installDriver(lab, { values: VALUES });
  }
  const flag = lab.name === "lab" ? "" : ` --name ${lab.name}`;
  say(`
Lab ${lab.name} is up${there === undefined ? "" : ", as it was"}. It stays until you take it down:  npm run lab -- down${flag}
  export KUBECONFIG=${lab.kubeconfig} PATH=${lab.parts.bin}:$PATH
  kubectl get nodes        # or npm run lab --${flag} kubectl get nodes
  Azure: ${lab.azure.url}, trust ${lab.azure.caFile}`);
}

/** Tools that can't be installed are reported by `startLab`, which does not begin without them. */
async function installTools(): Promise<void> {
  const machine = await inspectMachine();
  if (machine.isRoot) say(`         ${await installMissingPackages(machine, CLONE)}`);
}

function optionsOf(values: Flags): LabOptions {
  const nodes = readNodes(values.nodes);
  if ("problem" in nodes) throw new Error(`--nodes: ${nodes.problem}`);
  return {
    name: values.name,
    nodes: nodes.kinds,
    zones: Number(values.zones),
    timeScale: values.timeScale,
    ...(values.kubernetes === undefined ? {} : { kubernetes: values.kubernetes }),
    ...(values.fastTick ? { kubelet: { nodeStatusUpdateFrequency: "1s" } } : {}),
  };
}

async function takeDown(values: Flags): Promise<void> {
  const startedBy = values.startedBy;
  const only = startedBy === undefined ? {} : { startedBy };
  const wasThere = await stopLab(values.name, { clone: CLONE, force: values.force, ...only });
  say(wasThere ? `lab ${values.name} is down, nothing is left` : `there is no lab ${values.name}`);
}

/** Uses this terminal, so that `exec -it`, `logs -f` and editors work. */
async function runKubectl(lab: Lab, args: readonly string[]): Promise<number> {
  const kubectl = spawn(join(lab.parts.bin, "kubectl"), [`--kubeconfig=${lab.kubeconfig}`, ...args], {
    stdio: "inherit",
  });
  const [code] = (await once(kubectl, "close")) as [number | null];
  return code ?? 1;
}

async function actOnNode(node: LabNode, verb: NodeVerb, signal: AbortSignal): Promise<void> {
  switch (verb) {
    case "kill":
      return node.kill();
    case "start":
      return node.start(signal);
    case "freeze":
      return node.freeze();
    case "thaw":
      return node.thaw();
    case "partition":
      return node.partition();
    case "heal":
      return node.heal();
    case "stop-kubelet":
      return node.stopKubelet();
    case "start-kubelet":
      return node.startKubelet();
  }
}

const ending = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.once(name, () => ending.abort(new Error(`stopped by ${name}`)));
try {
  process.exitCode = await main(process.argv.slice(2), ending.signal);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
