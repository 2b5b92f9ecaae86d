//! What the steps of a pipeline are going to run: looked up before the first of them does.

use std::sync::Arc;

use crate::{
    log::StepLog,
    parse::{Pipeline, StepSpec},
    plugin::{self, Finder, Plugin, PluginError},
    run::Run,
    set_up::{Place, SetUpError},
    shell::Shell,
    spelling,
};

/// A step, and what it runs.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) spec: StepSpec,
    pub(crate) work: Work,
    /// Whether text from outside is kept out of its script.
    pub(crate) is_strict: bool,
}

/// What a step runs.
#[derive(Debug)]
pub(crate) enum Work {
    Script(Shell),
    Plugin(Plugin),
    /// The end of the plugin of the step at this index.
    Post(Plugin, usize),
    /// A plugin that nobody looked for, because it is not going to be called.
    Unfound(String),
}

impl Planned {
    /// Whether it is the end of a plugin, whose step stands before it.
    pub(crate) fn is_post(&self) -> bool {
        matches!(self.work, Work::Post(..))
    }
}

impl Run {
    /// Looks up what the steps need, in their order, and adds those that plugins want at the end.
    pub(super) async fn plan(
        &self,
        pipeline: Pipeline,
        place: &Place<'_>,
        log: &mut StepLog,
    ) -> Result<Vec<Arc<Planned>>, SetUpError> {
        check_only_step(&pipeline, self.job.options.only_step.as_deref())?;
        let mut steps = Vec::new();
        for (index, spec) in pipeline.steps.into_iter().enumerate() {
            let work = match (&spec.run, &spec.plugin) {
                (None, Some(specifier)) => {
                    self.find_plugin(index + 1, &spec, specifier, place, log)
                        .await?
                }
                _ => Work::Script(shell_of(index + 1, &spec)?),
            };
            steps.push(Arc::new(Planned {
                spec,
                work,
                is_strict: pipeline.is_strict,
            }));
        }
        for index in (0..steps.len()).rev() {
            if let Work::Plugin(plugin) = &steps[index].work
                && plugin.has_post()
            {
                let work = Work::Post(plugin.clone(), index);
                let spec = post_step(&steps[index].spec);
                steps.push(Arc::new(Planned {
                    spec,
                    work,
                    is_strict: pipeline.is_strict,
                }));
            }
        }
        Ok(steps)
    }

    async fn find_plugin(
        &self,
        number: usize,
        spec: &StepSpec,
        specifier: &str,
        place: &Place<'_>,
        log: &mut StepLog,
    ) -> Result<Work, SetUpError> {
        let options = &self.job.options;
        let is_left_out = options.only_step.is_some() && options.only_step != spec.id;
        if options.is_dry_run || is_left_out {
            return Ok(Work::Unfound(specifier.to_owned()));
        }
        let finder = Finder {
            plugins: &self.job.plugins,
            workspace: place.workspace,
            path: &self.job.limits.path,
            marker: &self.job.marker,
            dir: &place.workdir.root,
            limits: &self.job.limits,
            cancel: &self.cancel,
        };
        match plugin::find(specifier, &finder, log).await {
            Ok(plugin) => Ok(Work::Plugin(plugin)),
            Err(PluginError::Cancelled) => Err(SetUpError::Cancelled),
            Err(error) => Err(SetUpError::Failed(format!("step {number}: {error}"))),
        }
    }
}

fn check_only_step(pipeline: &Pipeline, only_step: Option<&str>) -> Result<(), SetUpError> {
    let Some(only_step) = only_step else {
        return Ok(());
    };
    let ids = || pipeline.steps.iter().filter_map(|spec| spec.id.as_deref());
    if ids().any(|id| id == only_step) {
        return Ok(());
    }
    let hint = spelling::hint(only_step, ids());
    Err(SetUpError::Failed(format!(
        "no step of the pipeline has the id `{only_step}`{hint}"
    )))
}

fn shell_of(number: usize, spec: &StepSpec) -> Result<Shell, SetUpError> {
    Shell::parse(spec.shell.as_deref())
        .map_err(|message| SetUpError::Failed(format!("step {number}: {message}")))
}

/// The step at the end of the run that belongs to this one.
fn post_step(spec: &StepSpec) -> StepSpec {
    StepSpec {
        name: Some(format!("Post Run {}", spec.display_name())),
        condition: Some("${{ always() }}".to_owned()),
        retry: None,
        outputs: serde_json::Map::new(),
        ..spec.clone()
    }
}
