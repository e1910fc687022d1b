import { Agent } from "node:http";
import { format } from "node:util";
import { AzureLogger } from "@azure/logger";
import type { Logger } from "../../ports/logger.ts";

/** The levels of Azure's libraries. What AZURE_LOG_LEVEL asks for is shown, so none is below `info` here. */
const levels = { error: "error", warning: "warn", info: "info", verbose: "info" } as const;
const isLevel = (level: string): level is keyof typeof levels => Object.hasOwn(levels, level);

/**
 * Logs what Azure's libraries log, as the environment variable AZURE_LOG_LEVEL asks for: by themselves they
 * write text to standard error, past everything that keeps the process from waiting for its reader.
 */
export function logSdkWith(logger: Logger): void {
  hideAgents();
  AzureLogger.log = (...args: readonly unknown[]) => {
    const line = format(...args);
    const [, library = "", level = "", text = line] = /^azure:([^ ]+):(\w+) ([^]*)$/u.exec(line) ?? [];
    logger[isLevel(level) ? levels[level] : "info"]("a library of Azure logs", { library, text });
  };
}

/**
 * Has agents written without their fields. The libraries log each request, and the request of each error, as
 * JSON, of which they know headers and addresses to hide. The request's agent has more: the headers of other
 * requests under way, with their tokens, and the proxy's password.
 */
function hideAgents(): void {
  Object.defineProperty(Agent.prototype, "toJSON", { value: () => "Agent", configurable: true });
}
