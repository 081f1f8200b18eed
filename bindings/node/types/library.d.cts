/** What the library answers, as numbers by name. Newer libraries may know more. */
export declare const Status: {
  readonly OK: 0;
  readonly NULL: 1;
  readonly ARGUMENT: 2;
  readonly UTF8: 3;
  readonly BUFFER: 4;
  readonly IO: 5;
  readonly FILE: 6;
  readonly UNSUPPORTED: 7;
  readonly UNAVAILABLE: 8;
  readonly NO_SLOT: 9;
  readonly WRONG_MODEL: 10;
  readonly TOKEN: 11;
  readonly TOO_LARGE: 12;
  readonly TOKENIZER: 13;
  readonly NOTHING_FED: 14;
  readonly BROKEN: 15;
  readonly BUSY: 16;
  readonly CANCELLED: 17;
  readonly DEVICE: 18;
  readonly PANIC: 19;
  readonly SAMPLING: 20;
  readonly OTHER: 21;
};

/** Anything that the library answers but success. The message is its own text, which tells the whole story. */
export declare class Wkv7Error extends Error {
  constructor(message: string, status?: number);
  /** One of {@link Status}. */
  readonly status: number;
  /** The same as the C header calls it, such as `"WKV7_ERR_FILE"`. Something that was closed has `"WKV7_ERR_NULL"`. */
  readonly code: string;
}

/** The library's version. */
export declare function version(): string;
/** The version of the library's ABI. */
export declare function abiVersion(): number;
/** How the library was built. */
export declare function buildInfo(): {
  version: string;
  abi_version: number;
  target: string;
  profile: string;
  features: string[];
  backends: string[];
  [more: string]: unknown;
};
/** Whether the library has a feature, one of those in {@link buildInfo}. */
export declare function hasFeature(name: string): boolean;
/** The backends of this build, fastest first. */
export declare function backends(): string[];

/** What `"wgpu:INDEX"` or `"wgpu:NAME"` can name as a backend. */
export interface Device {
  index: number;
  name: string;
  kind: string;
  api: string;
  driver: string;
  [more: string]: unknown;
}

/** The devices; none in a build without the feature `wgpu`. Asking takes up to a second. */
export declare function devices(): Promise<Device[]>;

export type LogLevel = 'off' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/**
 * Sends the log messages of the whole process's library up to `level` (default `"info"`) to `hear`, or to nobody any
 * more where that is null; then all messages so far have been heard. Without this call nothing is logged. An error of
 * `hear` reaches nobody who could handle it: it is an uncaught exception, as one of an event's listener.
 */
export declare function logTo(
  hear: ((level: LogLevel, message: string) => void) | null,
  level?: LogLevel,
): Promise<void>;
