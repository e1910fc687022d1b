import type { z } from "zod";
import { hostCommandFailed, hostNotReady } from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { ok } from "../../core/failure/result.ts";

export type ParameterValue =
  | string
  | number
  | boolean
  | readonly string[]
  | Readonly<Record<string, boolean>>;

/** One cmdlet with its parameters, and the properties that are kept of each object that it answers. */
export interface StorageCall {
  readonly cmdlet: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly select: readonly string[];
}

/** What a worker answers to a call. */
export type StorageAnswer =
  | { readonly ok: true; readonly rows: readonly unknown[] }
  | { readonly ok: false; readonly error: string };

/**
 * Runs cmdlets of Windows. A call that was sent is not cancelled: its change continues. Fails with
 * `HostNotReady` where PowerShell itself can't be used.
 */
export interface PowerShell {
  readonly call: (call: StorageCall) => Promise<Result<StorageAnswer>>;
  /** Ends the idle workers; a busy one ends after its call. */
  readonly close: () => void;
}

/** Runs a cmdlet for its effect. */
export async function change(
  powerShell: PowerShell,
  cmdlet: string,
  parameters: StorageCall["parameters"],
): Promise<Result<void>> {
  const answered = await queryRows(powerShell, { cmdlet, parameters, select: [] });
  return answered.ok ? ok(undefined) : answered;
}

/** Runs a cmdlet for the objects that it answers, each with the properties that the schema names. */
export async function query<Shape extends z.ZodRawShape>(
  powerShell: PowerShell,
  cmdlet: string,
  parameters: StorageCall["parameters"],
  schema: z.ZodObject<Shape>,
): Promise<Result<readonly z.infer<z.ZodObject<Shape>>[]>> {
  const answered = await queryRows(powerShell, { cmdlet, parameters, select: Object.keys(schema.shape) });
  if (!answered.ok) return answered;
  const parsed = schema.array().safeParse(answered.value);
  return parsed.success
    ? ok(parsed.data)
    : hostNotReady(`${cmdlet} answered something else: ${parsed.error.message}`);
}

/** Runs a cmdlet for the objects that it answers, as they come. */
export async function queryRows(
  powerShell: PowerShell,
  call: StorageCall,
): Promise<Result<readonly unknown[]>> {
  const answered = await powerShell.call(call);
  if (!answered.ok) return answered;
  return answered.value.ok
    ? ok(answered.value.rows)
    : hostCommandFailed(describeCall(call), null, answered.value.error);
}

/** A call as text, such as `Set-Disk {"IsOffline":true}`. */
export function describeCall({ cmdlet, parameters }: StorageCall): string {
  return `${cmdlet} ${JSON.stringify(parameters)}`;
}
