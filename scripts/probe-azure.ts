import { readFile } from "node:fs/promises";
import { AzureCliCredential, ClientSecretCredential, type TokenCredential } from "@azure/identity";
import { systemClock } from "../src/adapters/system/system-clock.ts";
import type { Options, Values } from "../src/cli/options.ts";
import { formatInstanceUri } from "../src/core/azure/ids/instance-uri.ts";
import { messageOf } from "../src/core/failure/message-of.ts";
import { adviseOnReservations } from "./probe/advise-on-reservations.ts";
import { createArmHttp, type Json } from "./probe/arm-http.ts";
import { experiments } from "./probe/experiments.ts";
import { type ProbeVm, readVm } from "./probe/probe-vm.ts";
import { type Result, runProbe } from "./probe/run-probe.ts";
import { runProgram } from "./run-program.ts";

const USAGE = `npm run probe:azure -- --subscription <id> --resource-group <name> --vm <name> [--second-vm <name>]
[--yes]

Tries on real VMs what the driver relies on of Azure, and says of each assumption whether it held, was broken
or was not tried. It updates the VMs, attaches a disk of its own to them (StandardSSD_LRS, 4 GiB, a few cents
a day) and detaches it, and deletes the disk at the end, also after Ctrl-C. With --second-vm, a program inside
both VMs (python3, started by Azure's run command) writes to that disk and watches it, and drops the first
VM's outgoing traffic for two minutes a round (iptables). The program touches no other disk and ends by itself
within 15 minutes. Nothing else on the VMs is changed, but a VM that production needs is the wrong one. Signs
in as the Azure CLI has (az login), or by AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.`;

const options = {
  subscription: { kind: "text", required: true, help: "Subscription of the VM" },
  "resource-group": {
    kind: "text",
    required: true,
    help: "Resource group of the VM and of the probe's disk",
  },
  vm: {
    kind: "text",
    required: true,
    help: "Name of the VM, or <scale set>/<instance id> of an instance of a uniform scale set",
  },
  "second-vm": {
    kind: "text",
    help: "Another VM of the group and zone, named likewise, that shares the disk, for E3, E4, E7 and E10",
  },
  rounds: {
    kind: "number",
    default: 3,
    min: 1,
    max: 10,
    isWhole: true,
    help: "How often E3 and each way of E4 detach by force, and E10 preempts",
  },
  "may-stop": { kind: "flag", help: "The VM may be restarted, stopped and deallocated; it is started again" },
  "may-reimage": {
    kind: "flag",
    help: "The VM may be reimaged, which replaces its OS disk: all that is on that disk is lost",
  },
  yes: { kind: "flag", help: "Begin; without it, only what would be done is printed" },
  endpoint: {
    kind: "text",
    default: "https://management.azure.com",
    help: "Azure Resource Manager's endpoint, such as an emulator's",
  },
  "ca-file": {
    kind: "text",
    help: "PEM file of a further authority that the endpoint's certificate is from",
  },
  "poll-ms": { kind: "number", default: 3_000, min: 1, max: 60_000, help: "Milliseconds between polls" },
  "watch-ms": {
    kind: "number",
    default: 30_000,
    min: 1_500,
    max: 120_000,
    help: "Milliseconds for which late writes are watched for after a forced detach",
  },
  json: { kind: "flag", help: "Print one JSON object for each assumption instead of text" },
} as const satisfies Options;

/** The least disk of its SKU, in bytes. */
const DISK_BYTES = 4 * 2 ** 30;

async function main(values: Values<typeof options>): Promise<number> {
  const tried = experiments.filter((one) => "run" in one || values.secondVm !== undefined);
  const minutes = tried.reduce(
    (sum, experiment) => sum + experiment.minutes + (experiment.minutesARound ?? 0) * values.rounds,
    0,
  );
  if (values.vm.toLowerCase() === values.secondVm?.toLowerCase()) {
    console.error(`--second-vm is ${values.vm}, which --vm names, too: name another VM`);
    return 2;
  }
  if (!values.yes) {
    for (const { name, assumption } of experiments) console.log(`${name}: ${assumption}`);
    console.log(`\nAbout ${minutes} minutes on Azure, and one disk of 4 GiB. Begin with --yes.`);
    return 0;
  }
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => stopping.abort(new Error(`ended by ${signal}; cleaning up`)));
  let vm: ProbeVm;
  try {
    vm = await connect(values, stopping.signal);
  } catch (error) {
    console.error(`nothing was tried: ${messageOf(error)}`);
    return 2;
  }
  const results: Result[] = [];
  const left: string[] = [];
  const print = (result: Result): void => {
    const { name, assumption, verdict, detail } = result;
    console.log(values.json ? JSON.stringify(result) : `${verdict}: ${name}: ${assumption}\n  ${detail}`);
  };
  let isEnded = false;
  try {
    await runProbe(vm, experiments, {
      choices: { mayStop: values.mayStop, mayReimage: values.mayReimage, rounds: values.rounds },
      onResult: (result) => {
        results.push(result);
        print(result);
      },
      onLeft: (commands) => left.push(...commands),
    });
    isEnded = true;
  } catch (error) {
    console.error(`the probe ended early: ${messageOf(error)}`);
  }
  print(adviseOnReservations(results));
  for (const command of left) console.error(`not cleaned up; run: ${command}`);
  if (!isEnded) return 2;
  return left.length > 0 || results.some(({ verdict }) => verdict === "broken") ? 1 : 0;
}

async function connect(values: Values<typeof options>, signal: AbortSignal): Promise<ProbeVm> {
  const caFile = values.caFile;
  const caPem = caFile === undefined ? undefined : await readFile(caFile, "utf8");
  const compute = `/subscriptions/${values.subscription}/resourceGroups/${values.resourceGroup}/providers/Microsoft.Compute`;
  const startedMs = systemClock.nowMs();
  const vm: ProbeVm = {
    vmId: vmIdOf(values, values.vm),
    diskId: `${compute}/disks/probe-azure-${startedMs}`,
    location: "",
    http: createArmHttp({ endpoint: values.endpoint, credential: credentialOf(caPem), caPem }),
    clock: systemClock,
    signal,
    pollMs: values.pollMs,
    watchMs: values.watchMs,
    token: startedMs.toString(36),
    diskBytes: DISK_BYTES,
  };
  const present = await readVm(vm);
  const location = present?.["location"];
  const located = { ...vm, location: typeof location === "string" ? location : "" };
  if (values.secondVm === undefined) return located;
  const second = { ...located, vmId: vmIdOf(values, values.secondVm) };
  const zones = [zoneOf(present), zoneOf(await readVm(second))] as const;
  if (zones[0] !== zones[1])
    throw new Error(
      `--vm ${values.vm} is in ${zones[0]}, and --second-vm ${values.secondVm} in ${zones[1]}: ` +
        "a disk is shared by VMs of one zone",
    );
  return { ...located, second };
}

function zoneOf(vm: Json): string {
  const [zone] = (vm?.["zones"] ?? []) as readonly string[];
  return zone === undefined ? "no zone" : `zone ${zone}`;
}

function vmIdOf(values: Values<typeof options>, named: string): string {
  const [name = "", instanceId] = named.split("/");
  return formatInstanceUri({
    subscriptionId: values.subscription,
    resourceGroup: values.resourceGroup,
    scaleSetName: instanceId === undefined ? undefined : name,
    instanceName: instanceId ?? name,
  });
}

function credentialOf(caPem: string | undefined): TokenCredential {
  const {
    AZURE_TENANT_ID: tenantId,
    AZURE_CLIENT_ID: clientId,
    AZURE_CLIENT_SECRET: secret,
    AZURE_AUTHORITY_HOST: authorityHost,
  } = process.env;
  if (tenantId === undefined || clientId === undefined || secret === undefined)
    return new AzureCliCredential();
  return new ClientSecretCredential(tenantId, clientId, secret, {
    ...(authorityHost === undefined ? {} : { authorityHost, disableInstanceDiscovery: true }),
    ...(caPem === undefined ? {} : { tlsOptions: { ca: caPem } }),
  });
}

await runProgram({ name: "npm run probe:azure", usage: USAGE, options }, main);
