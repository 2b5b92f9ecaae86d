//! The variables that expressions see: built once for a run, changed in place from step to step.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::Path,
};

use flowcd_model::step::StepStatus;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::{
    expr::{self, Allowance, ExprError, GlobalStatus, Scope, StopOnDrop},
    job::Contexts,
};

/// The variables of one run.
///
/// They are `env`, `secrets`, `git`, `task`, `task_id`, `app`, `steps`, `status`, `inputs` and `trigger`, each input
/// by its own name unless that is one of these, and whatever else was laid over them.
#[derive(Default)]
pub(crate) struct Context {
    vars: Map<String, Value>,
    /// What is beneath every step's environment: the application's, and what the dispatch gave as the input `env`.
    ///
    /// These are values and not templates: whoever may dispatch could read every secret otherwise.
    base_env: Map<String, Value>,
    /// What steps set for those after them. These are values, too: they are the output of programs.
    set_env: Map<String, Value>,
    allowance: Allowance,
}

/// Where a step's environment comes from, beside what the run has for all steps: later layers replace what earlier
/// ones say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnvLayers<'a> {
    /// The pipeline's: templates.
    pub(crate) pipeline: &'a Map<String, Value>,
    // What earlier steps set comes here.
    /// The step's files: values.
    pub(crate) files: &'a [(String, String)],
    /// The step's own: templates.
    pub(crate) own: &'a Map<String, Value>,
}

impl Contexts {
    /// Lays the overlay over the contexts that there are; what is left in it are those that there are not.
    pub(crate) fn lay_over(&mut self) {
        for (name, context) in [
            ("git", &mut self.git),
            ("app", &mut self.app),
            ("task", &mut self.task),
            ("trigger", &mut self.trigger),
            ("inputs", &mut self.inputs),
        ] {
            match self.overlay.remove(name) {
                Some(Value::Object(values)) => context.extend(values),
                // A context is an object: anything else leaves nothing of it.
                Some(_) => context.clear(),
                None => {}
            }
        }
    }
}

impl Context {
    /// The variables at the start of a run. `envs` are the application's. The overlay has been laid over `contexts`.
    pub(crate) fn new(
        contexts: &Contexts,
        secrets: &BTreeMap<String, SecretString>,
        envs: &Map<String, Value>,
    ) -> Context {
        let secrets = secrets
            .iter()
            .map(|(name, secret)| (name.clone(), Value::from(secret.expose_secret())));
        let mut base_env = envs.clone();
        if let Some(Value::Object(env)) = contexts.inputs.get("env") {
            base_env.extend(env.clone());
        }
        let mut overlay = contexts.overlay.clone();
        if let Some(Value::Object(env)) = overlay.remove("env") {
            base_env.extend(env);
        }
        let task_id = contexts.task.get("id").cloned().unwrap_or_default();
        // The inputs come first, so that no input can stand for something built in.
        let mut vars = contexts.inputs.clone();
        for (name, value) in [
            ("env", Value::Object(base_env.clone())),
            ("secrets", Value::Object(secrets.collect())),
            ("git", Value::Object(contexts.git.clone())),
            ("task", Value::Object(contexts.task.clone())),
            ("task_id", task_id),
            ("app", Value::Object(contexts.app.clone())),
            ("steps", Value::Object(Map::new())),
            ("status", Value::Null),
            ("inputs", Value::Object(contexts.inputs.clone())),
            ("trigger", Value::Object(contexts.trigger.clone())),
        ] {
            vars.insert(name.to_owned(), value);
        }
        for (name, value) in overlay {
            match (vars.get_mut(&name), value) {
                (Some(Value::Object(context)), Value::Object(values)) => context.extend(values),
                (_, value) => {
                    vars.insert(name, value);
                }
            }
        }
        let mut context = Context {
            vars,
            base_env,
            set_env: Map::new(),
            allowance: Allowance::default(),
        };
        context.set_status(GlobalStatus::Pending);
        context
    }

    /// The variables by name.
    pub(crate) fn vars(&self) -> &Map<String, Value> {
        &self.vars
    }

    /// What expressions can see.
    pub(crate) fn scope<'a>(&'a self, status: GlobalStatus, workspace: &'a Path) -> Scope<'a> {
        Scope {
            vars: &self.vars,
            status,
            workspace,
            allowance: Some(&self.allowance),
        }
    }

    /// Lets another evaluation begin, which ends early when the answer is dropped.
    pub(crate) fn begin_evaluation(&mut self) -> StopOnDrop {
        self.allowance.renew()
    }

    /// Whether that ended early.
    pub(crate) fn is_cut_short(&self) -> bool {
        self.allowance.is_cut_short()
    }

    /// Makes `env` what it was for an earlier call of the same step, and answers it as the environment of a process.
    pub(crate) fn enter_again(
        &mut self,
        env: Map<String, Value>,
        status: GlobalStatus,
    ) -> Vec<(String, String)> {
        self.set_status(status);
        self.vars.insert("env".to_owned(), Value::Object(env));
        self.env()
    }

    /// The environment of the current step.
    pub(crate) fn env_values(&self) -> Map<String, Value> {
        match self.vars.get("env") {
            Some(Value::Object(env)) => env.clone(),
            _ => Map::new(),
        }
    }

    /// Makes `env` that of the step about to run and renders it: the environment that the step's process gets.
    ///
    /// `status` is set as well. Call it before `condition`; look at the result only when the step does run, so that
    /// a step that is skipped cannot fail on its environment.
    ///
    /// A value sees those before it as they have been rendered, all that are no templates, and beneath its own name
    /// what it is about to replace. What has been rendered is never rendered again, whatever it contains.
    pub(crate) fn enter_step(
        &mut self,
        layers: EnvLayers<'_>,
        status: GlobalStatus,
        workspace: &Path,
    ) -> Result<Vec<(String, String)>, ExprError> {
        self.set_status(status);
        let (visible, templates) = self.lay_out(layers);
        self.vars.insert("env".to_owned(), Value::Object(visible));
        let mut errors: BTreeMap<&str, (usize, ExprError)> = BTreeMap::new();
        for (index, (name, template)) in templates.into_iter().enumerate() {
            let scope = self.scope(status, workspace);
            match expr::render_legacy(template, &scope) {
                Ok(text) => {
                    // What is beneath it may have failed, but nobody is going to see that.
                    errors.remove(name);
                    self.set("env", name, Value::String(text));
                }
                // The others are rendered all the same: the step's condition may look at them.
                Err(err) => {
                    errors.insert(name, (index, err.of(format!("env.{name}"))));
                }
            }
        }
        match errors.into_values().min_by_key(|(index, _)| *index) {
            Some((_, error)) => Err(error),
            None => Ok(self.env()),
        }
    }

    /// The values that every template sees, and the templates in the order in which they are rendered.
    fn lay_out<'l>(&self, layers: EnvLayers<'l>) -> (Map<String, Value>, Vec<(&'l str, &'l str)>) {
        let mut visible = self.base_env.clone();
        let mut templates: Vec<(&str, &str)> = Vec::new();
        // How many templates there were when a name got a value: those of that name among them are never seen.
        let mut hidden: HashMap<String, usize> = HashMap::new();
        let is_template = |value: &'l Value| value.as_str().filter(|text| text.contains("{{"));
        for (name, value) in layers.pipeline {
            match is_template(value) {
                Some(template) => templates.push((name, template)),
                None => {
                    visible.insert(name.clone(), value.clone());
                }
            }
        }
        let files = layers.files.iter();
        let files = files.map(|(name, text)| (name, Value::from(text.as_str())));
        let set = self
            .set_env
            .iter()
            .map(|(name, value)| (name, value.clone()));
        for (name, value) in set.chain(files) {
            hidden.insert(name.clone(), templates.len());
            visible.insert(name.clone(), value);
        }
        for (name, value) in layers.own {
            match is_template(value) {
                Some(template) => templates.push((name, template)),
                None => {
                    hidden.insert(name.clone(), templates.len());
                    visible.insert(name.clone(), value.clone());
                }
            }
        }
        let is_seen = |index: usize, name: &str| hidden.get(name).is_none_or(|n| index >= *n);
        let seen = templates
            .into_iter()
            .enumerate()
            .filter(|(index, (name, _))| is_seen(*index, name));
        (visible, seen.map(|(_, template)| template).collect())
    }

    /// Sets variables for the steps to come, and for what is still to be evaluated of this one.
    pub(crate) fn set_env(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, text) in variables {
            self.set("env", &name, Value::from(text.as_str()));
            self.set_env.insert(name, Value::String(text));
        }
    }

    /// Notes how the step `id` ended, for `steps.<id>`.
    pub(crate) fn leave_step(&mut self, id: &str, status: StepStatus, outputs: Map<String, Value>) {
        let mut step = Map::new();
        step.insert("status".to_owned(), Value::from(status.as_str()));
        if status == StepStatus::Success || !outputs.is_empty() {
            step.insert("outputs".to_owned(), Value::Object(outputs));
        }
        self.set("steps", id, Value::Object(step));
    }

    /// That as text.
    fn env(&self) -> Vec<(String, String)> {
        self.env_values()
            .into_iter()
            .map(|(name, value)| (name, expr::text(&value)))
            .collect()
    }

    fn set_status(&mut self, status: GlobalStatus) {
        let status = match status {
            GlobalStatus::Pending | GlobalStatus::Success | GlobalStatus::ErrorWithContinue => {
                "running"
            }
            GlobalStatus::Failure => "failure",
            GlobalStatus::Cancelled => "cancelled",
        };
        self.vars.insert("status".to_owned(), Value::from(status));
    }

    /// Sets `vars.<of>.<key>`.
    fn set(&mut self, of: &str, key: &str, value: Value) {
        if let Some(Value::Object(map)) = self.vars.get_mut(of) {
            map.insert(key.to_owned(), value);
        }
    }
}

/// The names alone: among the values are secrets.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.vars.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::Path};

    use flowcd_model::step::StepStatus;
    use secrecy::SecretString;
    use serde_json::{Map, Value, json};

    use super::{Context, EnvLayers};
    use crate::{
        expr::{Braces, GlobalStatus, condition, render_in},
        job::Contexts,
    };

    const NOWHERE: &str = "/nowhere";

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    fn context() -> Context {
        let contexts = Contexts {
            git: object(json!({"ref": "refs/heads/main"})),
            app: object(json!({"id": "app1"})),
            task: object(json!({"id": "task1", "url": "http://x/task1"})),
            trigger: object(json!({"type": "manual"})),
            inputs: object(json!({
                "color": "blue",
                "git": {"ref": "refs/heads/evil"},
                "secrets": "mine",
                "steps": {"build": {"status": "success"}},
                "env": {"FROM_INPUT": "${{ secrets.TOKEN }}", "B": "input"},
            })),
            overlay: Map::new(),
        };
        let secrets = BTreeMap::from([("TOKEN".to_owned(), SecretString::from("t0ken"))]);
        let envs = object(json!({"A": "app", "B": "app", "N": 1.0}));
        Context::new(&contexts, &secrets, &envs)
    }

    fn check(context: &Context, template: &str, expected: &str) {
        let scope = context.scope(GlobalStatus::Success, Path::new(NOWHERE));
        let actual =
            render_in(template, &scope, &Braces::DollarOnly).unwrap_or_else(|err| err.to_string());
        assert_eq!(actual, expected, "{template}");
    }

    fn enter(context: &mut Context, env: Value) -> String {
        let pipeline = object(env);
        enter_layers(context, &pipeline, &[], &Map::new())
    }

    fn enter_layers(
        context: &mut Context,
        pipeline: &Map<String, Value>,
        files: &[(String, String)],
        own: &Map<String, Value>,
    ) -> String {
        let layers = EnvLayers {
            pipeline,
            files,
            own,
        };
        match context.enter_step(layers, GlobalStatus::Success, Path::new(NOWHERE)) {
            Ok(env) => env
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" "),
            Err(err) => err.to_string(),
        }
    }

    #[test]
    fn every_context_is_there_and_no_input_takes_its_name() {
        let context = context();
        for (expression, expected) in [
            ("git.ref", "refs/heads/main"),
            ("app.id", "app1"),
            ("task.id", "task1"),
            ("task_id", "task1"),
            ("task.url", "http://x/task1"),
            ("trigger.type", "manual"),
            ("secrets.TOKEN", "t0ken"),
            ("secrets.OTHER", ""),
            ("status", "running"),
            ("steps.build.status", ""),
            ("color", "blue"),
            ("inputs.color", "blue"),
            ("inputs.secrets", "mine"),
            ("env.A", "app"),
            ("env.B", "input"),
        ] {
            check(&context, &format!("${{{{ {expression} }}}}"), expected);
        }
    }

    #[test]
    fn a_steps_environment_lies_over_what_is_beneath_and_is_rendered_in_order() {
        let mut context = context();
        let env = json!({
            "B": "step",
            "C": "${{ env.B }}-${{ env.LATER }}-${{ env.D }}",
            "D": "${{ env.C }}!",
            "A": "${{ env.A }}+",
            "LATER": 2,
            "FLAG": true,
            "NONE": null,
        });
        assert_eq!(
            enter(&mut context, env),
            "A=app+ B=step N=1 FROM_INPUT=${{ secrets.TOKEN }} LATER=2 FLAG=true NONE= C=step-2- D=step-2-!"
        );
        check(&context, "${{ env.D }} ${{ env.A }}", "step-2-! app+");
        // The next step begins anew.
        assert_eq!(
            enter(&mut context, json!({})),
            "A=app B=input N=1 FROM_INPUT=${{ secrets.TOKEN }}"
        );
        check(&context, "${{ env.D }}", "");
    }

    #[test]
    fn an_environment_that_fails_names_its_variable_and_leaves_the_rest() {
        let mut context = context();
        let env = json!({"X": "${{ sucess() }}", "Y": "${{ task_id }}", "Z": "${{ 1 + }}"});
        assert_eq!(
            enter(&mut context, env),
            "`env.X`: line 1, column 5: unknown function `sucess` (did you mean `success`?)"
        );
        let scope = context.scope(GlobalStatus::Success, Path::new(NOWHERE));
        assert_eq!(
            condition("env.Y == 'task1' && env.X == null", &scope),
            Ok(true)
        );
    }

    #[test]
    fn what_is_nearer_to_the_step_lies_over_what_is_further_away() {
        let mut context = context();
        let pipeline = object(json!({
            "A": "pipeline", "F": "pipeline", "P": "${{ env.A }}", "S": "${{ nonsense( }}", "T": "pipeline",
        }));
        let files = [("F", "${{ task_id }}"), ("O", "file")]
            .map(|(name, value)| (name.into(), value.into()));
        let own = object(json!({"O": "${{ env.O }}+own", "T": "${{ env.T }}+own"}));
        context.set_env(
            [("S", "${{ secrets.TOKEN }}"), ("B", "set"), ("F", "set")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        assert_eq!(
            enter_layers(&mut context, &pipeline, &files, &own),
            "A=pipeline B=set N=1 FROM_INPUT=${{ secrets.TOKEN }} F=${{ task_id }} T=pipeline+own S=${{ secrets.TOKEN }} \
             O=file+own P=pipeline"
        );
    }

    #[test]
    fn braces_without_a_dollar_sign_are_expressions_where_they_can_be() {
        let env = json!({"X": "{{ task_id }}", "Y": "{{.Names}}", "Z": "{{ unknown }}"});
        assert_eq!(
            enter(&mut context(), env),
            "A=app B=input N=1 FROM_INPUT=${{ secrets.TOKEN }} X=task1 Y={{.Names}} Z={{ unknown }}"
        );
    }

    #[test]
    fn an_overlay_lies_over_every_context_and_adds_new_ones() {
        let mut contexts = Contexts {
            git: object(json!({"ref": "refs/heads/main", "commit": "abc"})),
            overlay: object(json!({
                "git": {"ref": "refs/tags/v1"},
                "env": {"A": "over"},
                "secrets": {"MORE": "m0re"},
                "inputs": {"color": "red"},
                "trigger": null,
                "cloudSecrets": {"AccountID": "1"},
                "workerRunConfig": "text",
                "task_id": "other",
            })),
            ..Contexts::default()
        };
        contexts.lay_over();
        let secrets = BTreeMap::from([("TOKEN".to_owned(), SecretString::from("t0ken"))]);
        let context = Context::new(
            &contexts,
            &secrets,
            &object(json!({"A": "app", "B": "app"})),
        );
        check(
            &context,
            "${{ git.ref }} ${{ git.commit }} ${{ env.A }} ${{ env.B }} ${{ secrets.MORE }} ${{ secrets.TOKEN }} \
             ${{ color }} ${{ cloudSecrets.AccountID }} ${{ workerRunConfig }} ${{ task_id }}",
            "refs/tags/v1 abc over app m0re t0ken red 1 text other",
        );
    }

    #[test]
    fn steps_and_status_follow_the_run() {
        let mut context = context();
        let outputs = object(json!({"url": "http://x"}));
        context.leave_step("build", StepStatus::Success, outputs);
        context.leave_step("test", StepStatus::ErrorWithContinue, Map::new());
        check(
            &context,
            "${{ toJSON(steps) }}",
            r#"{"build":{"status":"success","outputs":{"url":"http://x"}},"test":{"status":"error-with-continue"}}"#,
        );
        context.leave_step("build", StepStatus::Skipped, Map::new());
        check(&context, "${{ steps.build.status }}", "skipped");
        for (status, expected) in [
            (GlobalStatus::ErrorWithContinue, "running"),
            (GlobalStatus::Failure, "failure"),
            (GlobalStatus::Cancelled, "cancelled"),
        ] {
            let none = Map::new();
            let layers = EnvLayers {
                pipeline: &none,
                files: &[],
                own: &none,
            };
            let env = context.enter_step(layers, status, Path::new(NOWHERE));
            assert!(env.is_ok());
            check(&context, "${{ status }}", expected);
        }
    }

    #[test]
    fn a_context_does_not_show_its_values() {
        assert!(!format!("{:?}", context()).contains("t0ken"));
    }
}
