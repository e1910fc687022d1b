import { type ArmCall, type HandlerResult, reply } from "../api/arm-message.ts";
import { armErrors } from "../api/errors.ts";
import { type JsonObject, listAt, textAt } from "../api/json.ts";
import { operationHeaders } from "../pace/lro.ts";
import type { Operation } from "../pace/operation.ts";
import { delayMs, startOperation, writing } from "../pace/operations.ts";
import { isAgentReady, type VirtualMachine } from "../vm/virtual-machine.ts";
import { vmAt, vmGone } from "../vm/vm-handlers.ts";
import { dataPlaneVm, providerOf } from "../vm/vm-state.ts";
import type { World } from "../world.ts";
import type { ScriptOutput } from "./guests-port.ts";

const LINUX_SCRIPT = "RunShellScript";
/** The extension behind it keeps the end of each stream, in bytes. */
const STREAM_MAX_BYTES = 4096;

/** POST of a script that the VM's agent runs. A VM runs one at a time. */
export function runCommandHandler(world: World, call: ArmCall): HandlerResult {
  const vm = vmAt(world, call);
  if (vm === undefined) return vmGone(world, call);
  const commandId = textAt(call.body, "commandId");
  if (commandId !== LINUX_SCRIPT)
    return armErrors.invalidParameter(
      "commandId",
      `The emulator's VMs run Linux, so commandId is ${LINUX_SCRIPT}, not '${commandId ?? ""}'.`,
    );
  if (vm.power !== "running") return armErrors.extensionsOfStoppedVm();
  const name = `${providerOf(vm)}_RunCommand`;
  if (isUnderWay(world, { name, resourceId: vm.id })) return armErrors.runCommandInProgress();
  const script = (listAt(call.body, "script") ?? []).map(String).join("\n");
  return reply(202, undefined, operationHeaders(world, call, start(world, vm, { name, script }), "Action"));
}

function isUnderWay(world: World, wanted: Pick<Operation, "name" | "resourceId">): boolean {
  return [...world.running].some((id) => {
    const running = world.operations.get(id);
    return running?.name === wanted.name && running.resourceId === wanted.resourceId;
  });
}

function start(
  world: World,
  vm: VirtualMachine,
  { name, script }: { readonly name: string; readonly script: string },
): Operation {
  let output: ScriptOutput | undefined;
  const isReady = world.hasGuests && isAgentReady(vm);
  return startOperation(world, {
    name,
    provider: "operations",
    ...writing(vm),
    delayMs: delayMs(world, "runCommand"),
    ...(isReady ? {} : { refusal: armErrors.agentSilent(vm.name) }),
    work: {
      effects: ({ error, undone }) =>
        error === undefined && undone !== "all" ? [{ kind: "scriptRun", ...dataPlaneVm(vm), script }] : [],
      end: (outcome) => {
        output = outcome.output;
      },
      result: () => resultOf(output),
    },
  });
}

function resultOf({ stdout, stderr }: ScriptOutput = { stdout: "", stderr: "" }): JsonObject {
  const message = `Enable succeeded: \n[stdout]\n${endOf(stdout)}\n[stderr]\n${endOf(stderr)}`;
  return {
    value: [
      {
        code: "ProvisioningState/succeeded",
        level: "Info",
        displayStatus: "Provisioning succeeded",
        message,
      },
    ],
  };
}

function endOf(stream: string): string {
  return Buffer.from(stream).subarray(-STREAM_MAX_BYTES).toString();
}
