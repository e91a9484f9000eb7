-- written by the code of commit bcc1f6efc1bba4727671ab9af9c386ec76880256
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('20261123_first_tables');
CREATE TABLE answers (
	key_id VARCHAR(16) NOT NULL, 
	route VARCHAR(200) NOT NULL, 
	idempotency_key VARCHAR(255) NOT NULL, 
	request VARCHAR(64) NOT NULL, 
	status INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	at DOUBLE NOT NULL, 
	CONSTRAINT pk_answers PRIMARY KEY (key_id, route, idempotency_key)
);
INSERT INTO "answers" VALUES('','create_study','7418e5bf-2552-4206-aebd-02e2569bb4ed','07368598ad01298a30dc7abc6a008a8df1a56b85ae1cf75477ba8fafbe9baf40',201,'{"name":"of-all-states","space":{"parameters":[{"name":"lr","scale":"log","type":"float","low":0.00001,"high":0.1},{"name":"act","type":"categorical","choices":["relu",null,2,true],"default":null}],"constraints":[]},"objectives":[{"metric":"loss","goal":"minimize"}],"constraints":["latency_ms <= 20"],"algorithm":{"name":"random","options":{},"seed":7},"stopping":{"rule":"none","options":{}},"budget":{},"retry":{"infrastructure":3,"user_error":0},"transfer":{"studies":[],"find":false},"priority":1,"labels":{"team":"vision"},"description":"","id":"st_01a229cbe32769ed53faf86848eea","state":"active","space_version":1,"sequence":1,"trials":{"waiting":0,"running":0,"completed":0,"pruned":0,"infeasible":0,"failed":0,"cancelled":0},"device_seconds":0.0,"created_at":"2026-11-30T00:12:37.543293Z","updated_at":"2026-11-30T00:12:37.543293Z"}',1.79599755754329252241e+09);
INSERT INTO "answers" VALUES('','cancel_trial','0b5272eb-5be1-4512-8782-0a3dc2655250','b95d8175b5e4a6223c1642baa34dffce9b72a015def2508b76c89ae3d9231c90',200,'{"id":"tr_01a229cbe56a4afd7e27a6f44f26a","study":"st_01a229cbe32769ed53faf86848eea","number":4,"state":"cancelled","reason":"user","parameters":{"lr":0.0006854270034733805,"act":null},"metrics":{},"attempt":1,"worker":"frozen","source":"model","why":"random: draw 4 of seed 7","suggested_at_sequence":11,"labels":{},"note":"","excluded":false,"sequence":13,"created_at":"2026-11-30T00:12:38.122858Z","started_at":"2026-11-30T00:12:38.122858Z","finished_at":"2026-11-30T00:12:38.128047Z"}',1.79599755812804675108e+09);
INSERT INTO "answers" VALUES('','queue_trials','c6536119-7ed2-4f7a-8403-3d0d8df77bfa','ec6942dc763911315fb90ba024acac6b6aacecc1174cad7ae695b243d24c2a16',201,'{"items":[{"id":"tr_01a229cbe579999c8c3ccc47473ab","study":"st_01a229cbe32769ed53faf86848eea","number":5,"state":"waiting","parameters":{"lr":0.01,"act":"relu"},"metrics":{},"attempt":0,"source":"queue","labels":{"by":"hand"},"note":"","excluded":false,"sequence":14,"created_at":"2026-11-30T00:12:38.137363Z"}]}',1.7959975581373631954e+09);
INSERT INTO "answers" VALUES('','create_study','e2c2a5b9-cd32-4346-bf11-452bc5ae5795','cee73af98029075178aabadde54be948eb381c6846b51707a3556c0a4f4e4251',201,'{"name":"networks","space":{"parameters":[{"name":"lr","scale":"log","type":"float","low":0.00001,"high":0.1},{"name":"act","type":"categorical","choices":["relu",null,2,true],"default":null}],"architecture":{"input":[1,8,8],"output":10,"body":[{"op":"conv","repeat":1,"optional":false,"tie":false,"residual":false,"out":{"choice":[4,8],"scale":"linear"}},{"op":"gap","repeat":1,"optional":false,"tie":false,"residual":false}],"duplicates":"reuse"},"constraints":[]},"objectives":[{"metric":"loss","goal":"minimize"}],"constraints":[],"algorithm":{"name":"auto","options":{}},"stopping":{"rule":"none","options":{}},"budget":{},"retry":{"infrastructure":3,"user_error":0},"transfer":{"studies":[],"find":false},"priority":1,"labels":{},"description":"","id":"st_01a229cbe59bb180cb478b7d4082b","state":"active","space_version":1,"sequence":1,"trials":{"waiting":0,"running":0,"completed":0,"pruned":0,"infeasible":0,"failed":0,"cancelled":0},"device_seconds":0.0,"created_at":"2026-11-30T00:12:38.171558Z","updated_at":"2026-11-30T00:12:38.171558Z"}',1.79599755817155838015e+09);
INSERT INTO "answers" VALUES('','queue_trials','3de0d242-32b5-412e-80bc-9726ccdfdf93','66f6f25f40327a2e6150aa735bcef911b82b3319f4b63c3493fef468f2e0c820',201,'{"items":[{"id":"tr_01a229cbe5a032a8e8d70edd4487a","study":"st_01a229cbe59bb180cb478b7d4082b","number":0,"state":"waiting","parameters":{"lr":0.000020105023506981377,"act":"relu","arch.conv.out":8},"metrics":{},"attempt":0,"source":"queue","labels":{},"note":"","excluded":false,"sequence":2,"created_at":"2026-11-30T00:12:38.176486Z"}]}',1.79599755817648625367e+09);
INSERT INTO "answers" VALUES('','create_study','9c0dbccb-1b7a-43b0-aab5-f82d373b1f3f','28879c301a0b479021c0dfea6781e59415c66f4052832d865100c10e8084909f',201,'{"name":"put-away","space":{"parameters":[{"name":"lr","scale":"log","type":"float","low":0.00001,"high":0.1},{"name":"act","type":"categorical","choices":["relu",null,2,true],"default":null}],"constraints":[]},"objectives":[{"metric":"a","goal":"minimize"},{"metric":"b","goal":"maximize"}],"constraints":[],"algorithm":{"name":"auto","options":{}},"stopping":{"rule":"none","options":{}},"budget":{},"retry":{"infrastructure":3,"user_error":0},"transfer":{"studies":[],"find":false},"priority":1,"labels":{},"description":"","id":"st_01a229cbe5a4d930d0c6385c4eb8b","state":"active","space_version":1,"sequence":1,"trials":{"waiting":0,"running":0,"completed":0,"pruned":0,"infeasible":0,"failed":0,"cancelled":0},"device_seconds":0.0,"created_at":"2026-11-30T00:12:38.180798Z","updated_at":"2026-11-30T00:12:38.180798Z"}',1.79599755818079829215e+09);
INSERT INTO "answers" VALUES('','queue_trials','313e72c4-a74f-4ebd-983c-307fb142e691','21423a201be176262f5042c8a9a3d5ee86c080b7f4aa0272f39ba9860d5265a7',201,'{"items":[{"id":"tr_01a229cbe5a83276326443d14157b","study":"st_01a229cbe5a4d930d0c6385c4eb8b","number":0,"state":"completed","parameters":{"lr":0.1,"act":2},"metrics":{"a":1.0,"b":2.0},"attempt":1,"source":"import","labels":{},"note":"","excluded":false,"sequence":2,"created_at":"2026-11-30T00:12:38.184735Z","started_at":"2026-11-30T00:12:38.184735Z","finished_at":"2026-11-30T00:12:38.184735Z"}]}',1.7959975581847345829e+09);
INSERT INTO "answers" VALUES('','stop_study','f2f42336-4187-42e5-9eca-ea398190b3d2','ea8bd5778e1f727dc837ff6f0d4e4b431a52979b3fc6b50c5fcf0ca0b5f6a833',200,'{"name":"put-away","space":{"parameters":[{"name":"lr","scale":"log","type":"float","low":0.00001,"high":0.1},{"name":"act","type":"categorical","choices":["relu",null,2,true],"default":null}],"constraints":[]},"objectives":[{"metric":"a","goal":"minimize"},{"metric":"b","goal":"maximize"}],"constraints":[],"algorithm":{"name":"auto","options":{}},"stopping":{"rule":"none","options":{}},"budget":{},"retry":{"infrastructure":3,"user_error":0},"transfer":{"studies":[],"find":false},"priority":1,"labels":{},"description":"","id":"st_01a229cbe5a4d930d0c6385c4eb8b","state":"completed","reason":"user","space_version":1,"sequence":3,"trials":{"waiting":0,"running":0,"completed":1,"pruned":0,"infeasible":0,"failed":0,"cancelled":0},"device_seconds":0.0,"created_at":"2026-11-30T00:12:38.180798Z","updated_at":"2026-11-30T00:12:38.190661Z","ended_at":"2026-11-30T00:12:38.190661Z"}',1.79599755819066119193e+09);
INSERT INTO "answers" VALUES('','archive_study','290954ea-0630-45aa-a72b-9539b6f2abbd','169eb9a2f174227dc99d64b24c204de156cbeb6690b94dd119c49734a551a658',200,'{"name":"put-away","space":{"parameters":[{"name":"lr","scale":"log","type":"float","low":0.00001,"high":0.1},{"name":"act","type":"categorical","choices":["relu",null,2,true],"default":null}],"constraints":[]},"objectives":[{"metric":"a","goal":"minimize"},{"metric":"b","goal":"maximize"}],"constraints":[],"algorithm":{"name":"auto","options":{}},"stopping":{"rule":"none","options":{}},"budget":{},"retry":{"infrastructure":3,"user_error":0},"transfer":{"studies":[],"find":false},"priority":1,"labels":{},"description":"","id":"st_01a229cbe5a4d930d0c6385c4eb8b","state":"completed","reason":"user","space_version":1,"sequence":4,"trials":{"waiting":0,"running":0,"completed":1,"pruned":0,"infeasible":0,"failed":0,"cancelled":0},"device_seconds":0.0,"created_at":"2026-11-30T00:12:38.180798Z","updated_at":"2026-11-30T00:12:38.204315Z","ended_at":"2026-11-30T00:12:38.190661Z","archived_at":"2026-11-30T00:12:38.204315Z"}',1.79599755820431494714e+09);
CREATE TABLE artifacts (
	trial_id VARCHAR(32) NOT NULL, 
	attempt INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_artifacts PRIMARY KEY (trial_id, attempt, name), 
	CONSTRAINT fk_artifacts_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
);
CREATE TABLE attempts (
	trial_id VARCHAR(32) NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker VARCHAR(128) NOT NULL, 
	started_at DOUBLE NOT NULL, 
	ended_at DOUBLE, 
	outcome VARCHAR(16), 
	reason TEXT, 
	CONSTRAINT pk_attempts PRIMARY KEY (trial_id, attempt), 
	CONSTRAINT fk_attempts_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "attempts" VALUES('tr_01a229cbe37cab5813eaaa7d4d278',1,'frozen',1.79599755762854862211e+09,1.79599755779279494287e+09,'completed',NULL);
INSERT INTO "attempts" VALUES('tr_01a229cbe478ec823e8a5f7e454a9',1,'frozen',1.79599755788037395475e+09,1.79599755793145656585e+09,'pruned',NULL);
INSERT INTO "attempts" VALUES('tr_01a229cbe4df786d66f8ff0b4decb',1,'frozen',1.79599755798326969147e+09,1.79599755801153635977e+09,'infeasible','out of memory');
INSERT INTO "attempts" VALUES('tr_01a229cbe540eee03e6ba510494f9',1,'frozen',1.79599755808046603207e+09,1.79599755810536527633e+09,'failed','a fault of the code');
INSERT INTO "attempts" VALUES('tr_01a229cbe56a4afd7e27a6f44f26a',1,'frozen',1.79599755812285757057e+09,1.79599755812804675108e+09,'cancelled','user');
INSERT INTO "attempts" VALUES('tr_01a229cbe5a83276326443d14157b',1,'import',1.7959975581847345829e+09,1.7959975581847345829e+09,'completed',NULL);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	project VARCHAR(64) NOT NULL, 
	at DOUBLE NOT NULL, 
	key_id VARCHAR(16) NOT NULL, 
	action VARCHAR(64) NOT NULL, 
	subject VARCHAR(128) NOT NULL, 
	data TEXT, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,'default',1795997557.47081,'','key.created','F5odXorx','{"scope":"admin"}');
INSERT INTO "audit" VALUES(2,'default',1.79599755816067957882e+09,'','share.created','4wO39vry','{"study":"st_01a229cbe32769ed53faf86848eea"}');
INSERT INTO "audit" VALUES(3,'default',1.79599755816413927077e+09,'','webhook.created','wh_01a229cbe594c86211cc6fd849e9a','{"url":"http://127.0.0.1:9/hook"}');
CREATE TABLE events (
	study_id VARCHAR(32) NOT NULL, 
	sequence BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	trial_id VARCHAR(32), 
	number INTEGER, 
	at DOUBLE NOT NULL, 
	data TEXT, 
	CONSTRAINT pk_events PRIMARY KEY (study_id, sequence), 
	CONSTRAINT fk_events_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',1,'study.created',NULL,NULL,1.79599755754329252241e+09,NULL);
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',2,'trial.started','tr_01a229cbe37cab5813eaaa7d4d278',0,1.79599755762854862211e+09,'{"attempt":1}');
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',4,'trial.completed','tr_01a229cbe37cab5813eaaa7d4d278',0,1.79599755779279494287e+09,'{"attempt":1}');
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',5,'trial.started','tr_01a229cbe478ec823e8a5f7e454a9',1,1.79599755788037395475e+09,'{"attempt":1}');
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',7,'trial.pruned','tr_01a229cbe478ec823e8a5f7e454a9',1,1.79599755793145656585e+09,'{"attempt":1}');
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',8,'trial.started','tr_01a229cbe4df786d66f8ff0b4decb',2,1.79599755798326969147e+09,'{"attempt":1}');
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',9,'trial.infeasible','tr_01a229cbe4df786d66f8ff0b4decb',2,1.79599755801153635977e+09,'{"attempt":1,"reason":"out of memory"}');
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',10,'trial.started','tr_01a229cbe540eee03e6ba510494f9',3,1.79599755808046603207e+09,'{"attempt":1}');
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',11,'trial.failed','tr_01a229cbe540eee03e6ba510494f9',3,1.79599755810536527633e+09,'{"attempt":1,"reason":"a fault of the code"}');
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',12,'trial.started','tr_01a229cbe56a4afd7e27a6f44f26a',4,1.79599755812285757057e+09,'{"attempt":1}');
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',13,'trial.cancelled','tr_01a229cbe56a4afd7e27a6f44f26a',4,1.79599755812804675108e+09,'{"attempt":1,"reason":"user"}');
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',14,'trial.queued','tr_01a229cbe579999c8c3ccc47473ab',5,1.7959975581373631954e+09,NULL);
INSERT INTO "events" VALUES('st_01a229cbe32769ed53faf86848eea',15,'trial.changed','tr_01a229cbe37cab5813eaaa7d4d278',0,1.79599755815563058851e+09,'{"fields":["labels","note"]}');
INSERT INTO "events" VALUES('st_01a229cbe59bb180cb478b7d4082b',1,'study.created',NULL,NULL,1.79599755817155838015e+09,NULL);
INSERT INTO "events" VALUES('st_01a229cbe59bb180cb478b7d4082b',2,'trial.queued','tr_01a229cbe5a032a8e8d70edd4487a',0,1.79599755817648625367e+09,NULL);
INSERT INTO "events" VALUES('st_01a229cbe5a4d930d0c6385c4eb8b',1,'study.created',NULL,NULL,1.79599755818079829215e+09,NULL);
INSERT INTO "events" VALUES('st_01a229cbe5a4d930d0c6385c4eb8b',2,'trial.imported','tr_01a229cbe5a83276326443d14157b',0,1.7959975581847345829e+09,NULL);
INSERT INTO "events" VALUES('st_01a229cbe5a4d930d0c6385c4eb8b',3,'study.completed',NULL,NULL,1.79599755819066119193e+09,'{"reason":"user"}');
INSERT INTO "events" VALUES('st_01a229cbe5a4d930d0c6385c4eb8b',4,'study.archived',NULL,NULL,1.79599755820431494714e+09,'{"reason":"user"}');
CREATE TABLE keys (
	id VARCHAR(16) NOT NULL, 
	project VARCHAR(64) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	scope VARCHAR(16) NOT NULL, 
	study_id VARCHAR(32), 
	hash VARCHAR(64) NOT NULL, 
	created_at DOUBLE NOT NULL, 
	expires_at DOUBLE, 
	revoked_at DOUBLE, 
	CONSTRAINT pk_keys PRIMARY KEY (id), 
	CONSTRAINT fk_keys_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
);
INSERT INTO "keys" VALUES('F5odXorx','default','first','admin',NULL,'5dc30c107151a399e38c51ee8fe2f4fa17ac1151aa1a3b3013dfab3f957cd454',1795997557.47081,NULL,NULL);
INSERT INTO "keys" VALUES('4wO39vry','default','a colleague','guest','st_01a229cbe32769ed53faf86848eea','26a6d293dd824c54db591826709abe332e4d8d07d670db4d990d8d2f5a913309',1.79599755816067957882e+09,1.79660235816067957877e+09,NULL);
CREATE TABLE lessons (
	study_id VARCHAR(32) NOT NULL, 
	earlier VARCHAR(128) NOT NULL, 
	trials TEXT NOT NULL, 
	CONSTRAINT pk_lessons PRIMARY KEY (study_id, earlier), 
	CONSTRAINT fk_lessons_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
);
CREATE TABLE levels (
	study_id VARCHAR(32) NOT NULL, 
	level BIGINT NOT NULL, 
	trial_id VARCHAR(32) NOT NULL, 
	point TEXT NOT NULL, 
	CONSTRAINT pk_levels PRIMARY KEY (study_id, level, trial_id), 
	CONSTRAINT fk_levels_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
CREATE TABLE logs (
	trial_id VARCHAR(32) NOT NULL, 
	attempt INTEGER NOT NULL, 
	start INTEGER NOT NULL, 
	until INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_logs PRIMARY KEY (trial_id, attempt, start), 
	CONSTRAINT fk_logs_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
);
CREATE TABLE measurements (
	trial_id VARCHAR(32) NOT NULL, 
	attempt INTEGER NOT NULL, 
	step BIGINT NOT NULL, 
	metrics TEXT NOT NULL, 
	elapsed_s DOUBLE, 
	CONSTRAINT pk_measurements PRIMARY KEY (trial_id, attempt, step), 
	CONSTRAINT fk_measurements_trial_id FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "measurements" VALUES('tr_01a229cbe37cab5813eaaa7d4d278',1,1,'{"loss":0.9}',NULL);
INSERT INTO "measurements" VALUES('tr_01a229cbe37cab5813eaaa7d4d278',1,2,'{"loss":0.5,"latency_ms":9.0}',NULL);
INSERT INTO "measurements" VALUES('tr_01a229cbe478ec823e8a5f7e454a9',1,1,'{"loss":0.8,"latency_ms":30.0}',NULL);
CREATE TABLE schema_floor (
	revision VARCHAR(32) NOT NULL, 
	CONSTRAINT pk_schema_floor PRIMARY KEY (revision)
);
INSERT INTO "schema_floor" VALUES('20261123_first_tables');
CREATE TABLE studies (
	id VARCHAR(32) NOT NULL, 
	project VARCHAR(64) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	definition TEXT NOT NULL, 
	space_version INTEGER NOT NULL, 
	seed BIGINT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	sequence BIGINT NOT NULL, 
	next_number INTEGER NOT NULL, 
	created INTEGER NOT NULL, 
	max_trials INTEGER, 
	parallelism INTEGER, 
	priority INTEGER NOT NULL, 
	turn DOUBLE NOT NULL, 
	claimable BOOLEAN NOT NULL, 
	exhausted BOOLEAN NOT NULL, 
	waiting INTEGER NOT NULL, 
	running INTEGER NOT NULL, 
	completed INTEGER NOT NULL, 
	pruned INTEGER NOT NULL, 
	infeasible INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	cancelled INTEGER NOT NULL, 
	best_trial VARCHAR(32), 
	best_number INTEGER, 
	best_value DOUBLE, 
	expected_improvement DOUBLE, 
	converging INTEGER NOT NULL, 
	device_seconds DOUBLE NOT NULL, 
	last_result BIGINT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	ended_at DOUBLE, 
	archived_at DOUBLE, 
	CONSTRAINT pk_studies PRIMARY KEY (id), 
	CONSTRAINT ck_studies_budget CHECK (max_trials IS NULL OR created <= max_trials), 
	CONSTRAINT ck_studies_counts CHECK (waiting >= 0 AND running >= 0), 
	CONSTRAINT uq_studies_project_name UNIQUE (project, name)
);
INSERT INTO "studies" VALUES('st_01a229cbe32769ed53faf86848eea','default','of-all-states','{"name":"of-all-states","space":{"parameters":[{"name":"lr","scale":"log","type":"float","low":0.00001,"high":0.1},{"name":"act","type":"categorical","choices":["relu",null,2,true],"default":null}],"constraints":[]},"objectives":[{"metric":"loss","goal":"minimize"}],"constraints":["latency_ms <= 20"],"algorithm":{"name":"random","options":{},"seed":7},"stopping":{"rule":"none","options":{}},"budget":{},"retry":{"infrastructure":3,"user_error":0},"transfer":{"studies":[],"find":false},"priority":1,"labels":{"team":"vision"},"description":""}',1,7,'active',NULL,15,6,6,NULL,NULL,1,0.0,0,0,1,0,1,1,1,1,1,'tr_01a229cbe37cab5813eaaa7d4d278',0,0.4,NULL,0,0.273684024810791,13,1.79599755754329252241e+09,1.79599755815563058851e+09,NULL,NULL);
INSERT INTO "studies" VALUES('st_01a229cbe59bb180cb478b7d4082b','default','networks','{"name":"networks","space":{"parameters":[{"name":"lr","scale":"log","type":"float","low":0.00001,"high":0.1},{"name":"act","type":"categorical","choices":["relu",null,2,true],"default":null}],"architecture":{"input":[1,8,8],"output":10,"body":[{"op":"conv","repeat":1,"optional":false,"tie":false,"residual":false,"out":{"choice":[4,8],"scale":"linear"}},{"op":"gap","repeat":1,"optional":false,"tie":false,"residual":false}],"duplicates":"reuse"},"constraints":[]},"objectives":[{"metric":"loss","goal":"minimize"}],"constraints":[],"algorithm":{"name":"auto","options":{}},"stopping":{"rule":"none","options":{}},"budget":{},"retry":{"infrastructure":3,"user_error":0},"transfer":{"studies":[],"find":false},"priority":1,"labels":{},"description":""}',1,1949068634,'active',NULL,2,1,1,NULL,NULL,1,0.0,0,0,1,0,0,0,0,0,0,NULL,NULL,NULL,NULL,0,0.0,0,1.79599755817155838015e+09,1.79599755817648625367e+09,NULL,NULL);
INSERT INTO "studies" VALUES('st_01a229cbe5a4d930d0c6385c4eb8b','default','put-away','{"name":"put-away","space":{"parameters":[{"name":"lr","scale":"log","type":"float","low":0.00001,"high":0.1},{"name":"act","type":"categorical","choices":["relu",null,2,true],"default":null}],"constraints":[]},"objectives":[{"metric":"a","goal":"minimize"},{"metric":"b","goal":"maximize"}],"constraints":[],"algorithm":{"name":"auto","options":{}},"stopping":{"rule":"none","options":{}},"budget":{},"retry":{"infrastructure":3,"user_error":0},"transfer":{"studies":[],"find":false},"priority":1,"labels":{},"description":""}',1,1232779049,'completed','user',4,1,0,NULL,NULL,1,0.0,0,0,0,0,1,0,0,0,0,NULL,NULL,NULL,NULL,0,0.0,0,1.79599755818079829215e+09,1.79599755820431494714e+09,1.79599755819066119193e+09,1.79599755820431494714e+09);
CREATE TABLE trials (
	id VARCHAR(32) NOT NULL, 
	study_id VARCHAR(32) NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	failure VARCHAR(32), 
	parameters TEXT NOT NULL, 
	metrics TEXT, 
	value DOUBLE, 
	on_front BOOLEAN NOT NULL, 
	attempt INTEGER NOT NULL, 
	token VARCHAR(64), 
	result VARCHAR(64), 
	worker VARCHAR(128), 
	source VARCHAR(16) NOT NULL, 
	predicted TEXT, 
	why TEXT, 
	suggested_at BIGINT, 
	identity VARCHAR(64), 
	step BIGINT, 
	points INTEGER NOT NULL, 
	level BIGINT, 
	refused INTEGER NOT NULL, 
	stop_requested TEXT, 
	retry_of VARCHAR(32), 
	labels TEXT NOT NULL, 
	note TEXT NOT NULL, 
	excluded BOOLEAN NOT NULL, 
	counted BOOLEAN NOT NULL, 
	lost INTEGER NOT NULL, 
	errors INTEGER NOT NULL, 
	not_before DOUBLE, 
	expires_at DOUBLE, 
	lease_s DOUBLE, 
	sequence BIGINT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	started_at DOUBLE, 
	finished_at DOUBLE, 
	CONSTRAINT pk_trials PRIMARY KEY (id), 
	CONSTRAINT fk_trials_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE, 
	CONSTRAINT uq_trials_study_id_number UNIQUE (study_id, number)
);
INSERT INTO "trials" VALUES('tr_01a229cbe37cab5813eaaa7d4d278','st_01a229cbe32769ed53faf86848eea',0,'completed',NULL,NULL,'{"lr":0.011610251921356996,"act":true}','{"loss":0.4,"latency_ms":9.0}',0.4,0,1,'38ee0c9c2fa0aea68de816efef9e5493b575f85dfad55181bfadcf8d57c6915b','bbdf800b03180bdb998a5fd78cb01d1726cfb74f83652fad6fd6d76130a8f7f9','frozen','model',NULL,'random: draw 0 of seed 7',1,NULL,2,2,NULL,0,NULL,NULL,'{"seen":"yes"}','kept',0,1,0,0,NULL,NULL,60.0,15,1.79599755762854862211e+09,1.79599755762854862211e+09,1.79599755779279494287e+09);
INSERT INTO "trials" VALUES('tr_01a229cbe478ec823e8a5f7e454a9','st_01a229cbe32769ed53faf86848eea',1,'pruned',NULL,NULL,'{"lr":0.00001804904130798238,"act":true}','{"loss":0.8,"latency_ms":30.0}',NULL,0,1,'904879bc604cac019db6fa019c535278c5bf2b31bb245747e2ddc4a5e9237fe1','068b11197f2e746455e8f8fc2e8b5b5572126f7116fa65bfe65c3ed2ac577869','frozen','model',NULL,'random: draw 1 of seed 7',4,NULL,1,1,NULL,0,NULL,NULL,'{}','',0,1,0,0,NULL,NULL,60.0,7,1.79599755788037395475e+09,1.79599755788037395475e+09,1.79599755793145656585e+09);
INSERT INTO "trials" VALUES('tr_01a229cbe4df786d66f8ff0b4decb','st_01a229cbe32769ed53faf86848eea',2,'infeasible','out of memory',NULL,'{"lr":0.0011981147471286045,"act":null}',NULL,NULL,0,1,'fb88c53a666fbb039ed2c037571824f85aa4592c579f2fa7dca2139b82f9b939','4c6cf1cf35dd058b3e87d2759877094597a5a2525478e00169b3eea11c6468b8','frozen','model',NULL,'random: draw 2 of seed 7',7,NULL,NULL,0,NULL,0,NULL,NULL,'{}','',0,1,0,0,NULL,NULL,60.0,9,1.79599755798326969147e+09,1.79599755798326969147e+09,1.79599755801153635977e+09);
INSERT INTO "trials" VALUES('tr_01a229cbe540eee03e6ba510494f9','st_01a229cbe32769ed53faf86848eea',3,'failed','a fault of the code','user_error','{"lr":0.0001512887063409367,"act":true}',NULL,NULL,0,1,'66ead5b1655fb1fd6dbbf610a04c49ba857dea948eb7740d970b34b1f48198c3','2e0d4e90c1dd9dcc3aca8863f5cb18317d1ddea7d335ac177ff46123f36d5e64','frozen','model',NULL,'random: draw 3 of seed 7',9,NULL,NULL,0,NULL,0,NULL,NULL,'{}','',0,1,0,1,NULL,NULL,60.0,11,1.79599755808046603207e+09,1.79599755808046603207e+09,1.79599755810536527633e+09);
INSERT INTO "trials" VALUES('tr_01a229cbe56a4afd7e27a6f44f26a','st_01a229cbe32769ed53faf86848eea',4,'cancelled','user',NULL,'{"lr":0.0006854270034733805,"act":null}',NULL,NULL,0,1,NULL,NULL,'frozen','model',NULL,'random: draw 4 of seed 7',11,NULL,NULL,0,NULL,0,NULL,NULL,'{}','',0,1,0,0,NULL,NULL,60.0,13,1.79599755812285757057e+09,1.79599755812285757057e+09,1.79599755812804675108e+09);
INSERT INTO "trials" VALUES('tr_01a229cbe579999c8c3ccc47473ab','st_01a229cbe32769ed53faf86848eea',5,'waiting',NULL,NULL,'{"lr":0.01,"act":"relu"}',NULL,NULL,0,0,NULL,NULL,NULL,'queue',NULL,NULL,NULL,NULL,NULL,0,NULL,0,NULL,NULL,'{"by":"hand"}','',0,1,0,0,NULL,NULL,NULL,14,1.7959975581373631954e+09,NULL,NULL);
INSERT INTO "trials" VALUES('tr_01a229cbe5a032a8e8d70edd4487a','st_01a229cbe59bb180cb478b7d4082b',0,'waiting',NULL,NULL,'{"lr":0.000020105023506981377,"act":"relu","arch.conv.out":8}',NULL,NULL,0,0,NULL,NULL,NULL,'queue',NULL,NULL,NULL,'fd2bc23bb3a8a6696cd100237d7c3d4b471c3f54e0598a24571fc7eae2c25d5a',NULL,0,NULL,0,NULL,NULL,'{}','',0,1,0,0,NULL,NULL,NULL,2,1.79599755817648625367e+09,NULL,NULL);
INSERT INTO "trials" VALUES('tr_01a229cbe5a83276326443d14157b','st_01a229cbe5a4d930d0c6385c4eb8b',0,'completed',NULL,NULL,'{"lr":0.1,"act":2}','{"a":1.0,"b":2.0}',NULL,1,1,NULL,NULL,NULL,'import',NULL,NULL,NULL,NULL,NULL,0,NULL,0,NULL,NULL,'{}','',0,0,0,0,NULL,NULL,NULL,2,1.7959975581847345829e+09,1.7959975581847345829e+09,1.7959975581847345829e+09);
CREATE TABLE webhook_cursors (
	webhook_id VARCHAR(32) NOT NULL, 
	study_id VARCHAR(32) NOT NULL, 
	sequence BIGINT NOT NULL, 
	tries INTEGER NOT NULL, 
	not_before DOUBLE NOT NULL, 
	CONSTRAINT pk_webhook_cursors PRIMARY KEY (webhook_id, study_id), 
	CONSTRAINT fk_webhook_cursors_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhooks (id) ON DELETE CASCADE, 
	CONSTRAINT fk_webhook_cursors_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
);
INSERT INTO "webhook_cursors" VALUES('wh_01a229cbe594c86211cc6fd849e9a','st_01a229cbe32769ed53faf86848eea',15,0,0.0);
CREATE TABLE webhooks (
	id VARCHAR(32) NOT NULL, 
	project VARCHAR(64) NOT NULL, 
	study_id VARCHAR(32), 
	url TEXT NOT NULL, 
	kinds TEXT NOT NULL, 
	secret VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	error TEXT, 
	delivered_at DOUBLE, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_webhooks PRIMARY KEY (id), 
	CONSTRAINT fk_webhooks_study_id FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
);
INSERT INTO "webhooks" VALUES('wh_01a229cbe594c86211cc6fd849e9a','default','st_01a229cbe32769ed53faf86848eea','http://127.0.0.1:9/hook','["study.completed", "study.failed"]','frozen','active',NULL,NULL,1.79599755816413927077e+09);
CREATE TABLE workers (
	project VARCHAR(64) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	version VARCHAR(32) NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	capabilities TEXT NOT NULL, 
	trainables TEXT NOT NULL, 
	slots INTEGER NOT NULL, 
	machine TEXT, 
	completed INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	streak INTEGER NOT NULL, 
	first_seen_at DOUBLE NOT NULL, 
	last_seen_at DOUBLE NOT NULL, 
	CONSTRAINT pk_workers PRIMARY KEY (project, name)
);
CREATE INDEX ix_answers_at ON answers (at);
CREATE INDEX ix_studies_claimable ON studies (project, running) WHERE claimable = 1 AND state = 'active';
CREATE INDEX ix_studies_open ON studies (state) WHERE state IN ('active', 'paused', 'stopping');
CREATE INDEX ix_trials_expires_at ON trials (expires_at) WHERE state = 'running';
CREATE INDEX ix_trials_front ON trials (study_id, on_front, number) WHERE on_front = 1;
CREATE INDEX ix_trials_identity ON trials (study_id, identity, number) WHERE identity IS NOT NULL;
CREATE INDEX ix_trials_study_id_sequence ON trials (study_id, sequence);
CREATE INDEX ix_trials_token ON trials (token) WHERE token IS NOT NULL;
CREATE INDEX ix_trials_value ON trials (study_id, value) WHERE value IS NOT NULL;
CREATE INDEX ix_trials_waiting ON trials (study_id, number) WHERE state = 'waiting';
CREATE INDEX ix_artifacts_sha256 ON artifacts (sha256);
COMMIT;
