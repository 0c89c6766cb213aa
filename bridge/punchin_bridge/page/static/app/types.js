// What travels, for the type checker: nothing runs here.

/** @template T @typedef {{value: T, peek(): T}} Sig */
/** @template T @typedef {{readonly value: T, peek(): T}} Comp */

/**
 * @typedef {object} Take
 * @property {string} id
 * @property {string} path
 * @property {string} file
 * @property {number} seed
 * @property {string} created
 * @property {string} engine
 * @property {Record<string, number>} follows
 * @property {string} to
 * @property {string} text
 * @property {string} job
 * @property {number} index
 * @property {Record<string, string>} models
 * @property {Record<string, string>} values
 * @property {{favourite?: boolean, name?: string, comment?: string, report?: [string, string][]}} note
 */

/**
 * @typedef {object} Group
 * @property {string} id
 * @property {string} title
 * @property {string} program
 * @property {string} place
 * @property {number} start
 * @property {number} end
 * @property {number} rate
 * @property {string} song
 * @property {string} source
 * @property {number} origin
 * @property {Take[]} takes
 * @property {string[]} jobs
 */

/**
 * @typedef {object} Job
 * @property {string} job
 * @property {string} host
 * @property {string} program
 * @property {string} project
 * @property {string} project_name
 * @property {string} track
 * @property {string} engine
 * @property {string} phase
 * @property {string} line
 * @property {number} fraction
 * @property {string} place
 * @property {number} start
 * @property {number} end
 * @property {number} rate
 * @property {number} seconds
 * @property {{path: string, name: string, seed: number}[]} takes
 * @property {string[]} notes
 * @property {{code: string, message: string, next_step: string} | null} error
 * @property {boolean} uses
 * @property {boolean} repeats
 * @property {Preview[]} previews
 * @property {[number, number][]} holes
 */

/**
 * @typedef {object} Preview
 * @property {number} take
 * @property {number} round
 * @property {number} samples
 * @property {number[]} shape
 */

/**
 * @typedef {object} SongDetail
 * @property {string} id
 * @property {string} name
 * @property {number} revision
 * @property {number} rate
 * @property {number} channels
 * @property {number} samples
 * @property {string} folder
 * @property {number[]} bars
 * @property {number} bpm
 * @property {boolean} typed_tempo
 * @property {number} downbeat
 * @property {number} beats
 * @property {[number, number, string][]} chords
 * @property {string} typed_chords
 * @property {Record<string, string>} follows
 * @property {string[]} notes
 */

export {};
