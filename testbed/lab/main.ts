import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installDriver } from "./install-driver.ts";
import { labStatus } from "./lab-status.ts";
import { openLab } from "./lab.ts";
import { startLab } from "./start-lab.ts";
import { stopLab } from "./stop-lab.ts";

const HELP = `npm run lab [-- flags]               brings up a Kubernetes cluster of real parts in an emulated Azure, and leaves it running
npm run lab -- status                what runs, what it takes, and the labs there are
npm run lab -- down                  takes it down, without a trace, whatever state it is in
npm run lab -- install-driver        installs this clone's driver into the lab, or upgrades the one that is there
npm run lab -- kubectl <args>        kubectl as the lab's administrator
npm run lab -- <verb> <node>         kill, start, freeze, thaw, partition, heal, stop-kubelet, start-kubelet

  --name <name>          the lab's name (default lab): labs of different names stand side by side
  --nodes <number>       1 to 8 (default 3)
  --zones <1|2>          2 (default): every third node is in zone 2; 1: all in zone 1
  --time-scale <factor>  Azure's latencies times this factor (default 0.05)
  --fast-tick            kubelets report their node's status each second instead of each ten
  --no-driver            without the driver: its chart is not installed
  --force                down: also a lab that another clone of this project started
  --help                 this text
`;

const CLONE = fileURLToPath(new URL("../..", import.meta.url));
const NODE_VERBS = ["kill", "start", "freeze", "thaw", "partition", "heal", "stop-kubelet", "start-kubelet"] as const;

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

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(args: readonly string[], signal: AbortSignal): Promise<void> {
  // What follows is kubectl's to read.
  if (args[0] === "kubectl") return say((await (await openLab("lab")).kubectl(args.slice(1))).trimEnd());
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const { name = "lab" } = values;
  const [verb = "up", nodeName] = positionals;
  if (values.help === true) return say(HELP);
  if (verb === "status") return say(await labStatus());
  if (verb === "down") {
    const only = values["started-by"] === undefined ? {} : { startedBy: Number(values["started-by"]) };
    const wasThere = await stopLab(name, { clone: CLONE, force: values.force ?? false, ...only });
    return say(wasThere ? `lab ${name} is down, nothing is left` : `there is no lab ${name}`);
  }
  if (verb === "install-driver") return installDriver(await openLab(name));
  const nodeVerb = NODE_VERBS.find((each) => each === verb);
  if (nodeVerb !== undefined) return actOnNode(name, nodeVerb, nodeName ?? "", signal);
  if (verb !== "up") throw new Error(`${verb} is nothing that can be done to a lab; npm run lab -- --help tells what can`);
  const lab = await startLab(
    {
      name,
      ...(values.nodes === undefined ? {} : { nodes: Number(values.nodes) }),
      ...(values.zones === undefined ? {} : { zones: Number(values.zones) }),
      ...(values["time-scale"] === undefined ? {} : { timeScale: Number(values["time-scale"]) }),
      ...(values["fast-tick"] === true ? { kubelet: { nodeStatusUpdateFrequency: "1s" } } : {}),
    },
    signal,
    say,
  );
  if (values["no-driver"] !== true) {
    await installDriver(lab);
    say("         the driver is installed");
  }
  const flag = name === "lab" ? "" : ` --name ${name}`;
  say(`
Up. It stays until you take it down:  npm run lab -- down${flag}
  export KUBECONFIG=${lab.kubeconfig}
  ${lab.parts.bin}/kubectl get nodes        # or npm run lab -- kubectl get nodes
  Azure: ${lab.azure.url}, trust ${lab.azure.caFile}`);
}

async function actOnNode(labName: string, verb: NodeVerb, nodeName: string, signal: AbortSignal): Promise<void> {
  const node = (await openLab(labName)).node(nodeName);
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
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => ending.abort(new Error(`stopped by ${name}`)));
try {
  await main(process.argv.slice(2), ending.signal);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
