//! Putting a pack together: lanes compressed as they come, then sealed with manifest and signature.

use crate::kernel::archive::write::Writer;
use crate::kernel::digest::{Digest, Hasher};
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs::Draft;
use crate::kernel::json::canon;
use crate::runpack::lane::{Lane, Record};
use crate::runpack::model::{self, FileDigest, Manifest, Refs, Run};
use crate::runpack::scan::{LINE_LIMIT, LaneScan};
use crate::runpack::verify::{self, Trust};
use crate::sign::envelope;
use crate::sign::key::PrivateKey;
use camino::Utf8Path;
use std::io::{Seek, SeekFrom, Write as _};
use std::sync::mpsc;
use std::thread::JoinHandle;

/// Compressed lanes up to this size stay in memory.
const SPOOL: usize = 4 << 20;
/// Lines are handed over in batches of about this many bytes.
const BATCH: usize = 256 << 10;

type Spool = tempfile::SpooledTempFile;

/// A lane that is being written: its lines are hashed and compressed by a thread of its own once it grows.
pub struct LaneDraft {
    lane: Lane,
    batch: Vec<u8>,
    scan: LaneScan,
    sink: Sink,
}

enum Sink {
    Here(Box<Compressor>),
    Thread(mpsc::SyncSender<Vec<u8>>, JoinHandle<Result<Box<Compressor>>>),
    Closed,
}

struct Compressor {
    zip: Writer<Spool>,
    hasher: Hasher,
}

impl Compressor {
    fn new(lane: Lane) -> Result<Self> {
        let mut zip = Writer::new(Spool::new(SPOOL));
        zip.start(lane.entry())?;
        Ok(Self { zip, hasher: Hasher::default() })
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.zip.write_all(bytes).map_err(|e| Error::new(Kind::Io, format!("cannot write the runpack: {e}")))
    }
}

/// A lane that is complete: a one-entry archive, the digest of the entry, and what its records are.
pub struct LanePart {
    spool: Spool,
    digest: Digest,
    scan: LaneScan,
}

impl LaneDraft {
    /// An empty lane.
    pub fn new(lane: Lane) -> Result<Self> {
        let sink = Sink::Here(Box::new(Compressor::new(lane)?));
        let scan = LaneScan { schema_holds: true, ..LaneScan::default() };
        Ok(Self { lane, batch: Vec::new(), scan, sink })
    }

    /// Appends a record.
    pub fn push(&mut self, record: &Record<'_>) -> Result<()> {
        let from = self.batch.len();
        record.write(self.lane, &mut self.batch);
        if self.batch.len() - from > LINE_LIMIT {
            let name = self.lane.entry();
            return Err(Error::invalid(format!("{name}: a record is longer than {LINE_LIMIT} bytes")));
        }
        self.scan.records += 1;
        self.scan.schema_holds &= record.schema_holds(self.lane);
        if self.batch.len() >= BATCH { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<()> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH + BATCH / 8));
        if let Sink::Here(_) = self.sink
            && let Sink::Here(compressor) = std::mem::replace(&mut self.sink, Sink::Closed)
        {
            let (sender, receiver) = mpsc::sync_channel::<Vec<u8>>(8);
            let thread = std::thread::spawn(move || {
                let mut compressor = compressor;
                for batch in receiver {
                    compressor.take(&batch)?;
                }
                Ok(compressor)
            });
            self.sink = Sink::Thread(sender, thread);
        }
        match &self.sink {
            Sink::Thread(sender, _) if sender.send(batch).is_ok() => Ok(()),
            _ => self.close().map(|_| ()),
        }
    }

    fn close(&mut self) -> Result<Box<Compressor>> {
        let gone = || Error::new(Kind::Internal, "the compressing thread ended early");
        match std::mem::replace(&mut self.sink, Sink::Closed) {
            Sink::Here(compressor) => Ok(compressor),
            Sink::Thread(sender, thread) => {
                drop(sender);
                thread.join().map_err(|_| gone())?
            }
            Sink::Closed => Err(gone()),
        }
    }

    /// Completes the lane.
    pub fn finish(mut self) -> Result<LanePart> {
        let mut compressor = self.close()?;
        compressor.take(&self.batch)?;
        let Compressor { zip, hasher } = *compressor;
        Ok(LanePart { spool: zip.finish()?, digest: hasher.finish(), scan: self.scan })
    }
}

/// What stands in a pack besides its lanes.
pub struct Parts {
    pub run: Run,
    pub refs: Refs,
    pub capture_mode: String,
    pub intents: LanePart,
    pub results: LanePart,
    /// Further declared entries: (name, bytes).
    pub extra: Vec<(String, Vec<u8>)>,
}

/// Writes the pack to `out`, whole or not at all, mode 0600, signed when there is a key. The manifest as written.
///
/// The file is read back before it appears under its name: a pack that does not verify never does.
pub fn seal(out: &Utf8Path, mut parts: Parts, key: Option<&PrivateKey>) -> Result<Manifest> {
    let lanes = [&mut parts.intents, &mut parts.results].map(|lane| std::mem::take(&mut lane.scan));
    let (draft, manifest) = draft(out, parts, key)?;
    let own = Trust::Known(key.iter().map(|key| key.public()).collect());
    draft.publish_checked(|path| verify::written(path, lanes, own)?.hold().map_err(|e| e.at(out)))?;
    Ok(manifest)
}

fn draft(out: &Utf8Path, parts: Parts, key: Option<&PrivateKey>) -> Result<(Draft, Manifest)> {
    let run_bytes = canon::of(&parts.run)?;
    let refs_bytes = canon::of(&parts.refs)?;
    let mut files = vec![
        declared(model::INTENTS, parts.intents.digest),
        declared(model::REFS, Digest::of(&refs_bytes)),
        declared(model::RESULTS, parts.results.digest),
        declared(model::RUN, Digest::of(&run_bytes)),
    ];
    files.extend(parts.extra.iter().map(|(name, bytes)| declared(name, Digest::of(bytes))));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let manifest = manifest(&parts, files, key)?;
    let mut entries = vec![
        (model::MANIFEST, Body::Bytes(canon::of(&manifest)?)),
        (model::RUN, Body::Bytes(run_bytes)),
        (model::REFS, Body::Bytes(refs_bytes)),
        (model::INTENTS, Body::Lane(parts.intents.spool)),
        (model::RESULTS, Body::Lane(parts.results.spool)),
    ];
    entries.extend(parts.extra.iter().map(|(name, bytes)| (name.as_str(), Body::Bytes(bytes.clone()))));
    entries.sort_by_key(|(name, _)| *name);
    let mut draft = Draft::new(out)?;
    let mut zip = Writer::new(draft.file());
    for (name, body) in entries {
        match body {
            Body::Bytes(bytes) => zip.entry(name, &bytes)?,
            Body::Lane(mut spool) => {
                spool.seek(SeekFrom::Start(0)).map_err(|e| Error::io("write", out, e))?;
                zip.adopt(spool)?;
            }
        }
    }
    zip.finish()?;
    Ok((draft, manifest))
}

enum Body {
    Bytes(Vec<u8>),
    Lane(Spool),
}

fn declared(name: &str, digest: Digest) -> FileDigest {
    FileDigest { path: name.to_owned(), sha256: digest.to_string() }
}

fn manifest(parts: &Parts, files: Vec<FileDigest>, key: Option<&PrivateKey>) -> Result<Manifest> {
    let mut manifest = Manifest {
        schema_id: model::MANIFEST_SCHEMA.to_owned(),
        schema_version: model::SCHEMA_VERSION.to_owned(),
        created_at: parts.run.created_at,
        producer_version: parts.run.producer_version.clone(),
        run_id: parts.run.run_id.clone(),
        capture_mode: parts.capture_mode.clone(),
        files: Some(files),
        ..Manifest::default()
    };
    manifest.manifest_digest = manifest.digest()?.to_string();
    if let Some(key) = key {
        let digest = Digest::of(&canon::of(&manifest)?);
        manifest.signatures.push(envelope::sign(key, digest));
    }
    Ok(manifest)
}
