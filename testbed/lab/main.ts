import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { inspectMachine, installMissingPackages } from "../../scripts/test/machine.ts";
import { installDriver } from "./cluster/install-driver.ts";
import type { LabNode } from "./cluster/lab-node.ts";
import type { LabOptions } from "./lab-options.ts";
import { labStatus } from "./lab-status.ts";
import { findLab, type Lab, openLab } from "./lab.ts";
import { startLab } from "./start-lab.ts";
import { stopLab } from "./stop-lab.ts";

const HELP = `npm run lab [-- flags]               brings up a Kubernetes cluster of real parts in an emulated Azure,
                                     and leaves it running
npm run lab -- status                what runs, what it uses, and all labs of this machine
npm run lab -- down                  takes it down, without a trace, whatever state it is in
npm run lab -- install-driver        installs this clone's driver into the lab, or upgrades it
npm run lab -- kubectl <args>        kubectl as the lab's administrator
npm run lab -- <verb> <node>         kill, start, freeze, thaw, partition, heal, stop-kubelet, start-kubelet

  --name <name>          the lab's name (default lab): labs of different names run side by side
  --nodes <number>       1 to 8 (default 3)
  --zones <1|2>          2 (default): every third node is in zone 2; 1: all in zone 1
  --time-scale <factor>  Azure's latencies times this factor (default 0.05)
  --fast-tick            kubelets report their node's status each second instead of each ten
  --no-driver            without the driver: its chart is not installed
  --force                down: also a lab that another clone of this project started
  --help                 this text
`;

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

const OPTIONS = {
  name: { type: "string" },
  nodes: { type: "string" },
  zones: { type: "string" },
  "time-scale": { type: "string" },
  "fast-tick": { type: "boolean" },
  "no-driver": { type: "boolean" },
  force: { type: "boolean" },
  "started-by": { type: "string" },
  help: { type: "boolean" },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"] & { readonly name: string };

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(args: readonly string[], signal: AbortSignal): Promise<number> {
  // The arguments after `kubectl` are kubectl's.
  const end = args.includes("kubectl") ? args.indexOf("kubectl") : args.length;
  const { values, positionals } = parseArgs({
    args: args.slice(0, end),
    options: OPTIONS,
    allowPositionals: true,
  });
  const { name = "lab" } = values;
  if (values.help === true) say(HELP);
  else if (end < args.length) return runKubectl(await openLab(name), args.slice(end + 1));
  else await act({ ...values, name }, positionals, signal);
  return 0;
}

async function act(
  values: Values,
  [verb = "up", nodeName = ""]: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { name } = values;
  const nodeVerb = NODE_VERBS.find((each) => each === verb);
  if (nodeVerb !== undefined) return actOnNode((await openLab(name)).node(nodeName), nodeVerb, signal);
  switch (verb) {
    case "up":
      return bringUp(values, signal);
    case "down":
      return takeDown(values);
    case "status":
      return say(await labStatus());
    case "install-driver":
      return installDriver(await openLab(name));
    default:
      throw new Error(`unknown verb ${verb}; npm run lab -- --help lists all`);
  }
}

async function bringUp(values: Values, signal: AbortSignal): Promise<void> {
  const there = await findLab(values.name);
  if (there === undefined) await installTools();
  const lab = there ?? (await startLab(optionsOf(values), signal, say));
  if (there === undefined && values["no-driver"] !== true) {
    say("         installing the driver …");
    await installDriver(lab);
  }
  const flag = lab.name === "lab" ? "" : ` --name ${lab.name}`;
  say(`
Lab ${lab.name} is up${there === undefined ? "" : ", as it was"}. It stays until you take it down:  npm run lab -- down${flag}
  export KUBECONFIG=${lab.kubeconfig}
  ${lab.parts.bin}/kubectl get nodes        # or npm run lab --${flag} kubectl get nodes
  Azure: ${lab.azure.url}, trust ${lab.azure.caFile}`);
}

/** Tools that can't be installed are reported by `startLab`, which does not begin without them. */
async function installTools(): Promise<void> {
  const machine = await inspectMachine();
  if (machine.isRoot) say(`         ${await installMissingPackages(machine, CLONE)}`);
}

function optionsOf(values: Values): LabOptions {
  return {
    name: values.name,
    ...(values.nodes === undefined ? {} : { nodes: Number(values.nodes) }),
    ...(values.zones === undefined ? {} : { zones: Number(values.zones) }),
    ...(values["time-scale"] === undefined ? {} : { timeScale: Number(values["time-scale"]) }),
    ...(values["fast-tick"] === true ? { kubelet: { nodeStatusUpdateFrequency: "1s" } } : {}),
  };
}

async function takeDown(values: Values): Promise<void> {
  const startedBy = values["started-by"];
  const only = startedBy === undefined ? {} : { startedBy: Number(startedBy) };
  const wasThere = await stopLab(values.name, { clone: CLONE, force: values.force ?? false, ...only });
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
